package main

import (
	"net"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

func ask(t *testing.T, s server, name string, kind dnsmessage.Type) dnsmessage.Message {
	t.Helper()
	query := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: 7},
		Questions: []dnsmessage.Question{{Name: dnsmessage.MustNewName(name), Type: kind, Class: dnsmessage.ClassINET}},
	}
	packed, err := query.Pack()
	if err != nil {
		t.Fatal(err)
	}
	var reply dnsmessage.Message
	if err := reply.Unpack(s.answer(packed)); err != nil {
		t.Fatal(err)
	}
	return reply
}

func only(namespace, name string) (net.IP, error) {
	if namespace == "shop" && name == "api" {
		return net.IPv4(10, 61, 128, 9).To4(), nil
	}
	return nil, errNone
}

func TestAServiceHasItsAddress(t *testing.T) {
	reply := ask(t, server{only}, "API.shop.svc.cluster.local.", dnsmessage.TypeA)
	if len(reply.Answers) != 1 || reply.ID != 7 {
		t.Fatalf("got %v", reply)
	}
	if got := reply.Answers[0].Body.(*dnsmessage.AResource).A; got != [4]byte{10, 61, 128, 9} {
		t.Errorf("address %v", got)
	}
}

func TestAServiceHasNoIPv6AddressButExists(t *testing.T) {
	reply := ask(t, server{only}, "api.shop.svc.cluster.local.", dnsmessage.TypeAAAA)
	if reply.RCode != dnsmessage.RCodeSuccess || len(reply.Answers) != 0 {
		t.Errorf("got %v", reply)
	}
}

func TestOtherNamesDoNotExist(t *testing.T) {
	for _, name := range []string{"web.shop.svc.cluster.local.", "x.api.shop.svc.cluster.local.", "example.com.", "shop.svc.cluster.local."} {
		if got := ask(t, server{only}, name, dnsmessage.TypeA).RCode; got != dnsmessage.RCodeNameError {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestBeforeTheServicesAreKnownTheAnswerIsNotNo(t *testing.T) {
	s := server{func(string, string) (net.IP, error) { return nil, errNotYet }}
	if got := ask(t, s, "api.shop.svc.cluster.local.", dnsmessage.TypeA).RCode; got != dnsmessage.RCodeServerFailure {
		t.Errorf("got %v", got)
	}
}

func TestWhatIsNoQueryGetsNoAnswer(t *testing.T) {
	if got := (server{only}).answer([]byte("hello")); got != nil {
		t.Errorf("got %q", got)
	}
}
