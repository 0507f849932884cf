// Nameserver answers the names of a cluster's Services to its pods: NAME.NAMESPACE.svc.cluster.local
// gives the cluster IP. It is the small part of a cluster's DNS that workloads calling each
// other need; other types and other zones get no answer.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"golang.org/x/net/dns/dnsmessage"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	address := flag.String("listen", "", "address and port, UDP")
	kubeconfig := flag.String("kubeconfig", "", "who to read the Services as")
	flag.Parse()
	if err := run(ctx, *address, *kubeconfig); err != nil {
		fmt.Fprintln(os.Stderr, "nameserver:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, address, kubeconfig string) error {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return fmt.Errorf("read the kubeconfig: %w", err)
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("connect to the cluster: %w", err)
	}
	all := cache.NewListWatchFromClient(client.CoreV1().RESTClient(), "services", metav1.NamespaceAll, fields.Everything())
	services := cache.NewSharedInformer(all, &corev1.Service{}, 0)
	go services.RunWithContext(ctx)
	// Listen before the view is complete: until then the answer is "server failure", which
	// a resolver asks again about, and not "no such name", which it believes.
	conn, err := net.ListenPacket("udp", address)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	context.AfterFunc(ctx, func() { conn.Close() })
	s := server{find: finder(services)}
	buffer := make([]byte, 1500)
	for {
		n, from, err := conn.ReadFrom(buffer)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("receive: %w", err)
		}
		if answer := s.answer(buffer[:n]); answer != nil {
			// A lost answer is asked for again; that is how DNS works.
			_ = conn.SetWriteDeadline(time.Now().Add(time.Second))
			_, _ = conn.WriteTo(answer, from)
		}
	}
}

var (
	errNotYet = errors.New("the Services are not known yet")
	errNone   = errors.New("no such Service")
)

// finder looks a Service up in the view.
func finder(services cache.SharedInformer) func(namespace, name string) (net.IP, error) {
	return func(namespace, name string) (net.IP, error) {
		if !services.HasSynced() {
			return nil, errNotYet
		}
		object, found, err := services.GetStore().GetByKey(namespace + "/" + name)
		if err != nil {
			return nil, err
		}
		service, ok := object.(*corev1.Service)
		if !found || !ok {
			return nil, errNone
		}
		return net.ParseIP(service.Spec.ClusterIP).To4(), nil // nil for a headless one: no address
	}
}

type server struct {
	// find gives the address of a Service; errNone if there is none of that name.
	find func(namespace, name string) (net.IP, error)
}

// answer is the reply to one query; nil for what is no query at all.
func (s server) answer(query []byte) []byte {
	var parser dnsmessage.Parser
	header, err := parser.Start(query)
	if err != nil || header.Response {
		return nil
	}
	question, err := parser.Question()
	if err != nil {
		return nil
	}
	reply := dnsmessage.Message{
		Header: dnsmessage.Header{
			ID: header.ID, Response: true, Authoritative: true, RecursionDesired: header.RecursionDesired,
			RecursionAvailable: true,
		},
		Questions: []dnsmessage.Question{question},
	}
	ip, err := s.lookup(question.Name.String())
	switch {
	case errors.Is(err, errNone):
		reply.RCode = dnsmessage.RCodeNameError
	case err != nil:
		reply.RCode = dnsmessage.RCodeServerFailure
	case ip != nil && question.Type == dnsmessage.TypeA:
		reply.Answers = []dnsmessage.Resource{{
			Header: dnsmessage.ResourceHeader{Name: question.Name, Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET, TTL: 5},
			Body:   &dnsmessage.AResource{A: [4]byte(ip)},
		}}
	}
	packed, err := reply.Pack()
	if err != nil {
		return nil
	}
	return packed
}

const zone = ".svc.cluster.local."

func (s server) lookup(host string) (net.IP, error) {
	inner, ok := strings.CutSuffix(strings.ToLower(host), zone)
	if !ok {
		return nil, errNone
	}
	name, namespace, ok := strings.Cut(inner, ".")
	if !ok || strings.Contains(namespace, ".") {
		return nil, errNone
	}
	return s.find(namespace, name)
}
