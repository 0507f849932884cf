package replset

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// Node is one member by a direct connection.
type Node struct {
	Host string
	set  *Set

	mu               sync.Mutex
	plain, known     *mongo.Client // without and with credentials
	plainErr, knownE error
}

// client returns a direct client. It never has replicaSet=: with it a member that is new or was removed cannot be asked.
func (n *Node) client(credentials bool) (*mongo.Client, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	at, problem := &n.plain, &n.plainErr
	if credentials {
		at, problem = &n.known, &n.knownE
	}
	if *at == nil && *problem == nil {
		o := n.set.options([]string{n.Host}).SetDirect(true)
		if credentials && n.set.auth != nil {
			o.SetAuth(*n.set.auth)
		}
		*at, *problem = mongo.Connect(o)
	}
	return *at, *problem
}

// options is what all clients have in common. The TLS settings are the URI's.
func (s *Set) options(hosts []string) *options.ClientOptions {
	o := options.Client().SetHosts(hosts).SetAppName(App).SetRetryReads(false).SetRetryWrites(false).
		SetConnectTimeout(connectWithin).SetServerSelectionTimeout(connectWithin).SetHeartbeatInterval(2 * time.Second).
		SetMaxPoolSize(8)
	if s.base.TLSConfig != nil {
		o.SetTLSConfig(s.base.TLSConfig)
	}
	if s.dial != nil {
		o.SetDialer(s.dial)
	}
	return o
}

func (n *Node) close(ctx context.Context) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, c := range []*mongo.Client{n.plain, n.known} {
		if c != nil {
			_ = c.Disconnect(ctx) // it is only there to end; the server drops what is left
		}
	}
	n.plain, n.known = nil, nil
}

// ask runs a command that only looks, on the database admin.
func (n *Node) ask(ctx context.Context, credentials bool, cmd bson.D) (bson.D, error) {
	return n.look(ctx, credentials, "admin", cmd)
}

// look runs a command that only looks. Where the driver itself dropped the connection nothing was learnt: it is asked again while
// there is time.
func (n *Node) look(ctx context.Context, credentials bool, db string, cmd bson.D) (reply bson.D, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, askWithin, fmt.Errorf("no answer within %s", askWithin))
	defer cancel()
	for {
		reply, err = n.run(ctx, credentials, askWithin, db, cmd)
		if e, ok := errors.AsType[*Error](err); !ok || !e.dropped || Pause(ctx) != nil {
			return reply, err
		}
	}
}

// run runs a command and returns the reply. The deadline becomes the server's maxTimeMS by way of the driver; a command
// must not bring one of its own, the server refuses two.
func (n *Node) run(ctx context.Context, credentials bool, within time.Duration, db string, cmd bson.D) (bson.D, error) {
	c, err := n.client(credentials)
	if err != nil {
		return nil, &Error{Host: n.Host, Command: cmd[0].Key, Err: errors.New("make a client"), Kind: Unreachable}
	}
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	limited, cancel := context.WithTimeoutCause(ctx, within, fmt.Errorf("no answer within %s", within))
	defer cancel()
	var reply bson.D
	err = c.Database(db).RunCommand(limited, cmd).Decode(&reply)
	if err != nil {
		outlast(ctx, err)
		return nil, classify(limited, n.Host, cmd[0].Key, err)
	}
	return reply, nil
}

// hopeless is how much too early the driver may give a question up: it does not send one whose answer would come after the deadline,
// as far as it knows the way.
const hopeless = 500 * time.Millisecond

// outlast waits for the end of ctx where the driver gave up just before it: then it is that end that cut the question off, and not the
// member that did not answer.
func outlast(ctx context.Context, err error) {
	if end, ok := ctx.Deadline(); ok && mongo.IsTimeout(err) && time.Until(end) < hopeless {
		<-ctx.Done()
	}
}

// Through is the same set as somebody else reaches it. Call Close on what it returns.
func (s *Set) Through(dial Dial) *Set {
	return &Set{seeds: s.seeds, auth: s.auth, base: s.base, dial: dial, also: s.also, nodes: map[string]*Node{}}
}

// Relayed reports whether members are dialled from somewhere else, where names may mean something else than here.
func (s *Set) Relayed() bool { return s.dial != nil }
