package kubetest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
)

// etcdAnswer is what etcd says of keys.
type etcdAnswer struct {
	Header struct {
		Revision string `json:"revision"`
	} `json:"header"`
	Kvs []struct {
		Key      []byte `json:"key"`
		Created  string `json:"create_revision"`
		Revision string `json:"mod_revision"`
	} `json:"kvs"`
}

// etcdKeys are the keys below a prefix.
func (s *Server) etcdKeys(prefix string) (all etcdAnswer, err error) {
	text := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	end := prefix[:len(prefix)-1] + string(prefix[len(prefix)-1]+1)
	err = s.askEtcd("range", map[string]any{"key": text(prefix), "range_end": text(end), "keys_only": true}, &all)
	return all, err
}

func (s *Server) askEtcd(verb string, question map[string]any, answer *etcdAnswer) error {
	body, err := json.Marshal(question)
	if err != nil {
		return err
	}
	resp, err := http.Post(s.etcd+"/v3/kv/"+verb, "application/json", bytes.NewReader(body))
	if err != nil {
		return err
	}
	defer resp.Body.Close() //nolint:errcheck // it is only read
	if err := json.NewDecoder(resp.Body).Decode(answer); err != nil || resp.StatusCode != http.StatusOK {
		return fmt.Errorf("read the answer of etcd (%s): %w", resp.Status, err)
	}
	return nil
}
