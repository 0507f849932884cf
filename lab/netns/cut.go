package netns

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"cutover.dev/cutover/lab/world"
)

// cutTable holds the rules that cut links; there is one at a time.
const cutTable = "cut"

// Cut drops what two of the lab's networks send each other from or to a TCP port, both ways, as a link that is down does:
// nobody is told. Connections stay and are silent. Everything else goes on, and so does that port towards others. Networks
// that are cut already are cut anew.
func Cut(ctx context.Context, one, other string, port int) error {
	if err := Mend(ctx); err != nil {
		return err
	}
	return nft(ctx, cutRules(one, other, port))
}

// cutRules are what nft reads.
func cutRules(one, other string, port int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "table bridge %s {\n\tchain forward {\n\t\ttype filter hook forward priority 0; policy accept;\n", cutTable)
	for _, way := range [][2]string{{one, other}, {other, one}} {
		for _, end := range []string{"sport", "dport"} {
			fmt.Fprintf(&b, "\t\tiifname %q oifname %q tcp %s %d drop\n", world.Port(way[0]), world.Port(way[1]), end, port)
		}
	}
	b.WriteString("\t}\n}\n")
	return b.String()
}

// Mend takes back what Cut did. It is fine when nothing is cut.
func Mend(ctx context.Context) error {
	// Adding what is there already is no error, deleting what is not there is one.
	return nft(ctx, fmt.Sprintf("add table bridge %s\ndelete table bridge %s\n", cutTable, cutTable))
}

func nft(ctx context.Context, rules string) error {
	cmd := world.Command(ctx, world.NetWAN, "nft", "-f", "-")
	cmd.Stdin = strings.NewReader(rules)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("change what the lab's bridge lets through: %w: %s", err, bytes.TrimSpace(out))
	}
	return nil
}
