package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
)

// result is one figure beside what it is measured against, as bench writes it too.
type result struct {
	Name   string  `json:"name"`
	Ratio  float64 `json:"ratio"`  // ours / floor; without a floor, ours / target
	Target float64 `json:"target"` // the ratio at most; without a floor, ours at most; 0: none is set, the figure is stated
	Ours   float64 `json:"ours"`
	Floor  float64 `json:"floor"` // 0: there is none
	Unit   string  `json:"unit"`
}

// beside is a figure without a target, beside the one of the floor.
func beside(name string, ours, floor float64, unit string) result {
	return result{Name: name, Ratio: ours / floor, Ours: ours, Floor: floor, Unit: unit}
}

// atMost is a figure that has no floor.
func atMost(name string, target, ours float64, unit string) result {
	return result{Name: name, Ratio: ours / target, Target: target, Ours: ours, Unit: unit}
}

func (r result) String() string {
	verdict := "ok"
	if r.Floor != 0 && r.Ratio > r.Target || r.Floor == 0 && r.Ours > r.Target {
		verdict = "MISSED"
	}
	if r.Floor != 0 {
		text := fmt.Sprintf("%-72s x%-5.2f (%.2f against %.2f %s: %+.2f)", r.Name, r.Ratio, r.Ours, r.Floor, r.Unit, r.Ours-r.Floor)
		if r.Target != 0 {
			text += fmt.Sprintf(", at most %g: %s", r.Target, verdict)
		}
		return text
	}
	return fmt.Sprintf("%-72s %8.1f %s, at most %g: %s", r.Name, r.Ours, r.Unit, r.Target, verdict)
}

// reportFile is the file that bench began.
type reportFile string

// note prints results and puts them into the report, in place of earlier ones of their names. What else is in the file stays.
func (f reportFile) note(results ...result) error {
	doing := func(err error) error { return fmt.Errorf("add to the report %s: %w", string(f), err) }
	all := map[string]json.RawMessage{}
	var list []result
	text, err := os.ReadFile(string(f))
	if err == nil {
		err = json.Unmarshal(text, &all)
	}
	if err == nil && all["results"] != nil {
		err = json.Unmarshal(all["results"], &list)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return doing(err)
	}
	for _, r := range results {
		fmt.Println(r)
		list = append(slices.DeleteFunc(list, func(other result) bool { return other.Name == r.Name }), r)
	}
	if all["results"], err = json.Marshal(list); err != nil {
		return doing(err)
	}
	if text, err = json.MarshalIndent(all, "", "  "); err != nil {
		return doing(err)
	}
	if err := os.WriteFile(string(f), append(text, '\n'), 0o644); err != nil {
		return doing(err)
	}
	return nil
}

// crowd is how many processes want a processor, in words: a figure of a busy machine should look like one.
func crowd() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "load unknown"
	}
	load, _, _ := strings.Cut(string(text), " ")
	return "load " + load
}
