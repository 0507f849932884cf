package rehearse

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"cutover.dev/cutover/lab/wan"
	"cutover.dev/cutover/lab/world"
)

// relay is what a plan says of the relays of a cluster: the tool's own image, as the lab has it.
const relay = `, relay: {image: "lab.test/lab/cutover:dev"}`

// Relayed is what the demo's plan has instead where small pods dial from inside both clusters and each entry is asked from the
// other side: pairs of text, each there once.
var Relayed = []string{
	"old: {uid: " + world.Old.UID + "}", "old: {uid: " + world.Old.UID + relay + "}",
	"new: {uid: " + world.New.UID + "}", "new: {uid: " + world.New.UID + relay + "}",
	"old: {addresses: [" + world.Old.Entry + "], ingressClass: main}", "old: {addresses: [" + world.Old.Entry + "], ingressClass: main, from: new}",
	"new: {addresses: [" + world.New.Entry + "], ingressClass: main}", "new: {addresses: [" + world.New.Entry + "], ingressClass: main, from: old}",
}

// Linked is Relayed with the phase link.
var Linked = append(slices.Clone(Relayed), "tail: {addresses: [", "link: {}\n  tail: {addresses: [")

// Reached is one direction of the link, as the tool's document has it.
type Reached struct {
	What  string  `json:"what"`
	From  string  `json:"from"`
	To    string  `json:"to"`
	State string  `json:"state"`
	Rule  string  `json:"rule,omitempty"`
	Large bool    `json:"large"`
	Ms    float64 `json:"ms"` // to connect
}

// Reaches is what a document of the tool says of the paths, and whether only one way works.
func Reaches(document []byte) (paths []Reached, oneWay string, err error) {
	var d struct {
		Mutated bool
		Link    struct {
			Paths  []Reached
			OneWay string
		}
	}
	if err := json.Unmarshal(document, &d); err != nil {
		return nil, "", fmt.Errorf("read the document %q: %w", document, err)
	}
	if d.Mutated || len(d.Link.Paths) == 0 {
		return nil, "", fmt.Errorf("read the document: mutated %t, paths %+v", d.Mutated, d.Link.Paths)
	}
	return d.Link.Paths, d.Link.OneWay, nil
}

// Crosses: it is dialled from inside one of the clusters, and what it leads to is in the other one.
func (p Reached) Crosses() bool {
	beside := p.What == "name server" || p.What == "resolver"
	return !beside && (p.From == world.Old.Name || p.From == world.New.Name)
}

// Good: open. What is started only later may refuse.
func (p Reached) Good() bool {
	return p.State == "open" && (p.Large || p.port() == 443 || !p.Crosses()) || p.What == "bridge" && p.State == "refused"
}

func (p Reached) port() int {
	port, _ := strconv.Atoi(p.To[strings.LastIndexByte(p.To, ':')+1:])
	return port
}

func (p Reached) String() string {
	return fmt.Sprintf("%s -> %s (%s): %s", p.From, p.To, p.What, p.State)
}

// How the tool words a rule, and what in it is an address or a range.
var (
	ruleWords = regexp.MustCompile(`^allow tcp from (old|new) \((.*)\) to (\S+) port ([0-9]+)$`)
	ranges    = regexp.MustCompile(`[0-9.]+[0-9](/[0-9]+)?`)
)

// Rules are the firewall rules that a closed link lacks, by the cluster that they stand before: the tool has to have seen
// every path that crosses the link time out, and to have named the rule.
func Rules(paths []Reached) (map[string][]wan.Rule, error) {
	rules, errs := map[string][]wan.Rule{}, []error{}
	for _, p := range paths {
		if !p.Crosses() {
			continue
		}
		m := ruleWords.FindStringSubmatch(p.Rule)
		if p.State != "timed out" || m == nil {
			errs = append(errs, fmt.Errorf("%s, and the rule is %q", p, p.Rule))
			continue
		}
		port, err := strconv.Atoi(m[4])
		errs = append(errs, err)
		to := world.New.Name
		if m[1] == to {
			to = world.Old.Name
		}
		rules[to] = append(rules[to], wan.Rule{From: ranges.FindAllString(m[2], -1), To: m[3], Port: port})
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	if len(rules) != len(world.Clusters()) {
		return nil, fmt.Errorf("rules are missing before one cluster: %v", rules)
	}
	return rules, nil
}
