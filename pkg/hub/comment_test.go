package hub_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/hub"
	"cutover.dev/cutover/pkg/hub/hubtest"
)

const (
	marker = "<!-- cutover plan: shop -->"
	bot    = "github-actions[bot]"
)

func client(t *testing.T, h *hubtest.Hub, token string) (*hub.Client, hub.Run) {
	t.Helper()
	c, r, err := hub.FromEnvironment(h.Env(), token)
	if err != nil {
		t.Fatal(err)
	}
	return c, r
}

func keep(t *testing.T, h *hubtest.Hub, body string) error {
	t.Helper()
	c, r := client(t, h, hubtest.Token)
	url, err := c.Keep(t.Context(), r, 7, marker, body)
	if err == nil && !strings.HasPrefix(url, "https://github.test/acme/shop/pull/7#issuecomment-") {
		t.Errorf("the comment is at %q", url)
	}
	return err
}

// ours are the bodies of all comments with the marker.
func ours(h *hubtest.Hub) (bodies []string) {
	for _, c := range h.Comments {
		if strings.HasPrefix(c.Body, marker) {
			bodies = append(bodies, c.Body)
		}
	}
	return bodies
}

func TestOneCommentIsKeptHoweverManyOthersThereAre(t *testing.T) {
	for _, before := range []int{0, 99, 100, 101, 250} {
		for _, after := range []int{0, 150} {
			h := hubtest.Start(t)
			for i := range before {
				h.Say("ann", "User", fmt.Sprint("talk ", i))
			}
			for i := range 3 {
				if err := keep(t, h, fmt.Sprint(marker, "\nplan ", i)); err != nil {
					t.Fatal(err)
				}
				for range after {
					h.Say("bob", "User", "> "+marker+"\n> quoted")
				}
			}
			if got := ours(h); len(got) != 1 || got[0] != marker+"\nplan 2" || len(h.Comments) != before+3*after+1 {
				t.Errorf("%d before: %d comments, ours %q", before, len(h.Comments), got)
			}
		}
	}
}

func TestAMarkerOfSomebodyElseIsNotOurs(t *testing.T) {
	for login, others := range map[string][]string{"": {"mallory", "User"}, "deploy": {bot, "Bot"}} {
		h := hubtest.Start(t)
		h.Login = login
		h.Say(others[0], others[1], marker+"\nforged")
		h.Say(others[0], others[1], "<!-- cutover plan: shop-2 -->\nanother plan")
		for _, body := range []string{"one", "two"} {
			if err := keep(t, h, marker+body); err != nil {
				t.Fatal(err)
			}
		}
		if got := ours(h); len(got) != 2 || got[0] != marker+"\nforged" || got[1] != marker+"two" {
			t.Errorf("token of %q: %q", login, got)
		}
	}
}

func TestWhatTwoRunsWroteAtOnceBecomesOneAgain(t *testing.T) {
	h := hubtest.Start(t)
	for range 3 {
		h.Say(bot, "Bot", marker+"\nold")
	}
	h.Say(bot, "Bot", "<!-- cutover plan: blog -->\nanother plan")
	if err := keep(t, h, marker+"\nnew"); err != nil {
		t.Fatal(err)
	}
	if got := ours(h); len(got) != 1 || got[0] != marker+"\nnew" || len(h.Comments) != 2 {
		t.Errorf("%q of %d", got, len(h.Comments))
	}
}

func TestATokenThatMayNotCommentIsToldApartFromAnAPIThatDoesNotAnswer(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*hubtest.Hub)
		denied bool
		hint   string
	}{
		"may read only":      {func(h *hubtest.Hub) { h.Write = nil }, true, "pull-requests: write"},
		"may not even read":  {func(h *hubtest.Hub) { h.Write, h.Public = nil, false }, true, "pull-requests: write"},
		"may read, private":  {func(h *hubtest.Hub) { h.Write, h.Public, h.Read = nil, false, map[string]bool{"pull_requests": true} }, true, "pull-requests: write"},
		"too many requests":  {func(h *hubtest.Hub) { h.Broken = limited(false) }, false, "once GitHub's API answers"},
		"too many at a time": {func(h *hubtest.Hub) { h.Broken = limited(true) }, false, "once GitHub's API answers"},
		"an API in trouble":  {func(h *hubtest.Hub) { h.Broken = status(http.StatusBadGateway) }, false, "once GitHub's API answers"},
		"an expired token":   {func(h *hubtest.Hub) { h.Broken = status(http.StatusUnauthorized) }, false, "not valid any more"},
	} {
		h := hubtest.Start(t)
		c.change(h)
		err := keep(t, h, marker)
		if fault.CodeOf(err) != fault.Unsure || isDenied(err) != c.denied || !strings.Contains(strings.Join(fault.Hints(err), " "), c.hint) {
			t.Errorf("%s: denied %v, hints %q: %v", name, isDenied(err), fault.Hints(err), err)
		}
		if strings.Contains(fmt.Sprint(err), hubtest.Token) {
			t.Errorf("%s: the token is in the error: %v", name, err)
		}
		if len(h.Comments) != 0 {
			t.Errorf("%s: written all the same", name)
		}
	}
	if _, _, err := hub.FromEnvironment(hubtest.Start(t).Env(), ""); !isDenied(err) {
		t.Errorf("without a token: %v", err)
	}
}

func TestACommentThatIsTooLongIsAnError(t *testing.T) {
	h := hubtest.Start(t)
	if err := keep(t, h, marker+strings.Repeat("x", 65536)); err == nil || isDenied(err) || !strings.Contains(err.Error(), "too long") {
		t.Errorf("%v", err)
	}
}
