package kube

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"k8s.io/client-go/util/flowcontrol"

	"cutover.dev/cutover/pkg/fault"
)

// Options of a connection. The zero value is good.
type Options struct {
	UserAgent string
	QPS       float32       // requests per second that this process sends at most; 0 = 1000
	Burst     int           // how many of them at once; 0 = 1000
	Timeout   time.Duration // how long one request other than a watch may take; 0 = 20 s
	// Token is asked for before every request, and what the kubeconfig logs in by is not used; nil: it is.
	Token  func(context.Context) (string, error)
	Writes int // how many writes to objects of a migration are on their way at once; 0 = 16
}

// What protects an API server is its own priority and fairness, whose 429 is obeyed. The client's limit is there to
// bound what a mistake of ours can do, and is above what sixteen writers get out of an API server (some 400 requests a
// second), so that 5,000 routes are not held up by it; client-go's default of 5 would make them a quarter of an hour.
// More writers than that get no more out of a server, they only wait in it; lanes beyond them journal meanwhile.
func (o Options) withDefaults() Options {
	if o.UserAgent == "" {
		o.UserAgent = Manager
	}
	if o.QPS == 0 {
		o.QPS = 1000
	}
	if o.Burst == 0 {
		o.Burst = 1000
	}
	if o.Timeout == 0 {
		o.Timeout = 20 * time.Second
	}
	if o.Writes == 0 {
		o.Writes = 16
	}
	return o
}

// Connect reads a kubeconfig (a path, or its content as one-line base64) and makes the clients; it sends nothing yet.
// env is "old" or "new". No error repeats any of the kubeconfig's content. The views live until Close or until ctx
// ends.
func Connect(ctx context.Context, env, kubeconfig string, o Options) (*Cluster, error) {
	o = o.withDefaults()
	conf, err := load(env, kubeconfig)
	if err != nil {
		return nil, err
	}
	held := conf.DeepCopy()
	if o.Token != nil {
		anonymous(conf)
	}
	if err := usable(env, conf); err != nil {
		return nil, err
	}
	cfg, err := clientcmd.NewDefaultClientConfig(*conf, nil).ClientConfig()
	if err != nil {
		return nil, unusable(env, "has no usable current context: "+brief(err))
	}
	cfg.UserAgent, cfg.WarningHandler = o.UserAgent, rest.NoWarnings{}
	cfg.RateLimiter = flowcontrol.NewTokenBucketRateLimiter(o.QPS, o.Burst)
	c := newCluster(ctx, env, o)
	cfg.Wrap(c.listen)
	if o.Token != nil {
		c.lent = true
		cfg.Wrap(func(next http.RoundTripper) http.RoundTripper { return bearer{o.Token, next} })
	}
	c.config, c.renews = cfg, cfg.ExecProvider != nil // client-go runs that program again, and hands out the 401 all the same
	if c.dynamic, err = dynamic.NewForConfig(cfg); err != nil {
		return nil, unusable(env, "cannot be used: "+brief(err))
	}
	if c.metadata, err = metadata.NewForConfig(cfg); err != nil {
		return nil, unusable(env, "cannot be used: "+brief(err))
	}
	c.canaries = credentials(held, cfg)
	if !isFile(kubeconfig) {
		c.canaries = append(c.canaries, strings.TrimSpace(kubeconfig))
	}
	return c, nil
}

// brief keeps the type of an error from a library and drops its text, which may quote the file.
func brief(err error) string { return fmt.Sprintf("%T", err) }

// variable is where the kubeconfig comes from.
func variable(env string) string { return "CUTOVER_" + strings.ToUpper(env) + "_KUBECONFIG" }

func unusable(env, what string) error {
	return fault.New(fault.Usage, "set "+variable(env)+" to the path of a kubeconfig, or to its content as one line of base64 (base64 -w0)",
		"kubeconfig of %s %s", env, what)
}

func isFile(s string) bool {
	info, err := os.Stat(s)
	return err == nil && !info.IsDir()
}

func load(env, kubeconfig string) (*clientcmdapi.Config, error) {
	kubeconfig = strings.TrimSpace(kubeconfig)
	switch {
	case kubeconfig == "":
		return nil, unusable(env, "is not set")
	case isFile(kubeconfig):
		conf, err := clientcmd.LoadFromFile(kubeconfig)
		if err != nil {
			return nil, unusable(env, "is a file that cannot be read as a kubeconfig")
		}
		if err := clientcmd.ResolveLocalPaths(conf); err != nil {
			return nil, unusable(env, "names files that cannot be found")
		}
		return conf, nil
	}
	content, err := base64.StdEncoding.DecodeString(kubeconfig)
	if err != nil {
		return nil, unusable(env, "is neither an existing file nor base64")
	}
	conf, err := clientcmd.Load(content)
	if err != nil {
		return nil, unusable(env, "is base64, but not of a kubeconfig")
	}
	return conf, nil
}

// usable refuses what could never work here, with words better than a library's.
func usable(env string, conf *clientcmdapi.Config) error {
	current, ok := conf.Contexts[conf.CurrentContext]
	if !ok {
		return unusable(env, "has no current-context")
	}
	if conf.Clusters[current.Cluster] == nil {
		return unusable(env, "has a current-context without a cluster")
	}
	user := conf.AuthInfos[current.AuthInfo]
	if user == nil {
		return unusable(env, "has a current-context without a user")
	}
	return login(env, user)
}

// credentials lists every secret value of the kubeconfig, in every form in which it could be printed.
func credentials(conf *clientcmdapi.Config, cfg *rest.Config) []string {
	var all []string
	add := func(secret string) {
		if secret = strings.TrimSpace(secret); secret == "" {
			return
		}
		all = append(all, secret, base64.StdEncoding.EncodeToString([]byte(secret)))
		for line := range strings.Lines(secret) { // a runner masks line by line
			if line = strings.TrimSpace(line); len(line) >= 16 && line != secret && !strings.HasPrefix(line, "-----") {
				all = append(all, line)
			}
		}
	}
	file := func(path string) {
		if path == "" {
			return
		}
		if b, err := os.ReadFile(path); err == nil { //nolint:gosec // the path is the kubeconfig's own
			add(string(b))
		}
	}
	for _, u := range conf.AuthInfos {
		add(u.Token)
		add(u.Password)
		add(string(u.ClientKeyData))
		all = append(all, rawBase64(u.ClientKeyData)...)
		file(u.TokenFile)
		file(u.ClientKey)
		if u.Exec != nil {
			for _, e := range u.Exec.Env {
				add(e.Value)
			}
		}
	}
	add(cfg.BearerToken)
	return all
}

// rawBase64 is how the bytes stand in the file, with the newline at their end that add trims away.
func rawBase64(data []byte) []string {
	if len(data) == 0 {
		return nil
	}
	return []string{base64.StdEncoding.EncodeToString(data)}
}
