package cluster

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strconv"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"cutover.dev/cutover/pkg/kube"
	"cutover.dev/cutover/pkg/phase"
)

// blob is the head of a stored file: a ConfigMap cutover-<plan>-<name> that says which parts make it up. Parts are
// named after the content, so a head never points at a mixture of old and new.
type blob struct {
	Hash  string `json:"hash"` // sha256 of the compressed content
	Parts int    `json:"parts"`
}

func (b blob) part(plan, name string, i int) string {
	return "cutover-" + plan + "-" + name + "-" + b.Hash[:12] + "-" + strconv.Itoa(i)
}

// SaveBlob stores a file under a name ("inventory"). One that exists already is an error for which fs.ErrExist holds,
// unless replace is true or its content is the same.
func (s *Store) SaveBlob(ctx context.Context, name string, data []byte, replace bool) error {
	doing := func(err error) error { return fmt.Errorf("save %s of %s in %s: %w", name, s.plan, s.api.Env(), err) }
	packed, err := pack(data)
	if err != nil {
		return doing(err)
	}
	chunks := slices.Collect(slices.Chunk(packed, largest))
	sum := sha256.Sum256(packed)
	b := blob{Hash: hex.EncodeToString(sum[:]), Parts: len(chunks)}
	was, head, err := s.head(ctx, name)
	switch {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return doing(err)
	case err == nil && was == b:
		return nil
	case err == nil && !replace:
		return doing(fs.ErrExist)
	}
	for i, chunk := range chunks {
		u := configMap(s.namespace, b.part(s.plan, name, i), s.plan, "blob", chunk)
		if _, err := createIn(ctx, s.api, s.namespace, s.plan, u); err != nil && !errors.Is(err, phase.ErrMoved) {
			return doing(err)
		}
	}
	line, err := json.Marshal(b)
	if err != nil {
		return doing(err)
	}
	u := configMap(s.namespace, "cutover-"+s.plan+"-"+name, s.plan, "blob", line)
	if head == nil {
		_, err = s.api.Create(ctx, u)
	} else {
		u.SetResourceVersion(head.GetResourceVersion())
		_, err = s.api.Update(ctx, u)
	}
	if errors.Is(err, phase.ErrMoved) {
		err = fmt.Errorf("%w (%w)", fs.ErrExist, err)
	}
	if err != nil {
		return doing(err)
	}
	return nil
}

// LoadBlob returns a stored file. That there is none is an error for which fs.ErrNotExist holds.
func (s *Store) LoadBlob(ctx context.Context, name string) ([]byte, error) {
	doing := func(err error) error { return fmt.Errorf("load %s of %s from %s: %w", name, s.plan, s.api.Env(), err) }
	b, _, err := s.head(ctx, name)
	if err != nil {
		return nil, doing(err)
	}
	var packed []byte
	for i := range b.Parts {
		u, err := s.api.Read(ctx, kube.ConfigMap, s.namespace, b.part(s.plan, name, i))
		if err != nil {
			return nil, doing(err)
		}
		chunk, err := content(u)
		if err != nil {
			return nil, doing(err)
		}
		packed = append(packed, chunk...)
	}
	if sum := sha256.Sum256(packed); hex.EncodeToString(sum[:]) != b.Hash {
		return nil, doing(errors.New("its parts are not what was stored"))
	}
	data, err := unpack(packed)
	if err != nil {
		return nil, doing(err)
	}
	return data, nil
}

func (s *Store) head(ctx context.Context, name string) (blob, *unstructured.Unstructured, error) {
	u, err := s.api.Read(ctx, kube.ConfigMap, s.namespace, "cutover-"+s.plan+"-"+name)
	if apierrors.IsNotFound(err) {
		return blob{}, nil, fmt.Errorf("%w (%w)", fs.ErrNotExist, err)
	}
	if err != nil {
		return blob{}, nil, err
	}
	line, err := content(u)
	if err != nil {
		return blob{}, nil, err
	}
	var b blob
	if err := json.Unmarshal(line, &b); err != nil {
		return blob{}, nil, fmt.Errorf("read the head: %w", err)
	}
	if len(b.Hash) != 2*sha256.Size || b.Parts < 0 {
		return blob{}, nil, errors.New("its head is damaged")
	}
	return b, u, nil
}

func pack(data []byte) ([]byte, error) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, err := z.Write(data)
	err = errors.Join(err, z.Close())
	return b.Bytes(), err
}

func unpack(packed []byte) ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(z)
}
