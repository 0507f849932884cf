package objects

import "testing"

func TestParseReadsEveryDocumentAndSkipsEmptyOnes(t *testing.T) {
	list, err := Parse([]byte("---\n# only a comment\n---\nkind: A\nmetadata: {name: a}\n---\nkind: B\nmetadata: {name: b, namespace: other}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if len(list) != 2 || list[0].GetName() != "a" || list[1].GetNamespace() != "other" {
		t.Errorf("got %v", list)
	}
}

func TestParseRefusesADocumentWithoutAName(t *testing.T) {
	if _, err := Parse([]byte("kind: A\n")); err == nil {
		t.Error("no error")
	}
}
