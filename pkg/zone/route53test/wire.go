package route53test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

type (
	xmlError struct {
		XMLName xml.Name `xml:"ErrorResponse"`
		Type    string   `xml:"Error>Type"`
		Code    string   `xml:"Error>Code"`
		Message string   `xml:"Error>Message"`
	}
	xmlInvalidBatch struct {
		XMLName  xml.Name `xml:"InvalidChangeBatch"`
		Messages []string `xml:"Messages>Message"`
	}
	xmlChanged struct {
		XMLName     xml.Name `xml:"ChangeResourceRecordSetsResponse"`
		ID          string   `xml:"ChangeInfo>Id"`
		Status      string   `xml:"ChangeInfo>Status"`
		SubmittedAt string   `xml:"ChangeInfo>SubmittedAt"`
	}
	xmlChange struct {
		Changes []struct {
			Action string
			Set    xmlSet `xml:"ResourceRecordSet"`
		} `xml:"ChangeBatch>Changes>Change"`
	}
	xmlRecord struct{ Value string }
	xmlSet    struct {
		Name, Type    string
		SetIdentifier string      `xml:",omitempty"`
		Weight        *int64      `xml:",omitempty"`
		TTL           *int64      `xml:",omitempty"`
		Records       []xmlRecord `xml:"ResourceRecords>ResourceRecord,omitempty"`
		Alias         *struct {
			HostedZoneID string `xml:"HostedZoneId"`
			DNSName      string
			Evaluate     bool `xml:"EvaluateTargetHealth"`
		} `xml:"AliasTarget,omitempty"`
		HealthCheck  string `xml:"HealthCheckId,omitempty"`
		TrafficBound string `xml:"TrafficPolicyInstanceId,omitempty"`
	}
	xmlZone struct {
		ID      string `xml:"Id"`
		Name    string
		Caller  string `xml:"CallerReference"`
		Private bool   `xml:"Config>PrivateZone"`
	}
	xmlZoneResponse struct {
		XMLName    xml.Name `xml:"GetHostedZoneResponse"`
		HostedZone xmlZone
	}
	xmlZones struct {
		XMLName     xml.Name  `xml:"ListHostedZonesByNameResponse"`
		Zones       []xmlZone `xml:"HostedZones>HostedZone"`
		IsTruncated bool
		MaxItems    int
	}
	xmlSets struct {
		XMLName              xml.Name `xml:"ListResourceRecordSetsResponse"`
		Sets                 []xmlSet `xml:"ResourceRecordSets>ResourceRecordSet"`
		IsTruncated          bool
		MaxItems             int
		NextRecordName       string `xml:",omitempty"`
		NextRecordType       string `xml:",omitempty"`
		NextRecordIdentifier string `xml:",omitempty"`
	}
)

func (z Hosted) xml() xmlZone {
	return xmlZone{ID: "/hostedzone/" + z.ID, Name: z.Name + ".", Caller: "test", Private: z.Private}
}

func (x xmlSet) set() Set {
	s := Set{
		Name: strings.TrimSuffix(strings.ToLower(x.Name), "."), Type: x.Type, TTL: aws.ToInt64(x.TTL),
		Identifier: x.SetIdentifier, Weight: aws.ToInt64(x.Weight), HealthCheck: x.HealthCheck,
	}
	s.Name = strings.ReplaceAll(s.Name, `\052`, "*")
	for _, r := range x.Records {
		s.Values = append(s.Values, r.Value)
	}
	if x.Alias != nil {
		s.Alias = x.Alias.DNSName
	}
	return s
}

func (s Set) xml() xmlSet {
	x := xmlSet{Name: escaped(s.Name) + ".", Type: s.Type, SetIdentifier: s.Identifier, HealthCheck: s.HealthCheck, TrafficBound: s.TrafficBound}
	for _, v := range s.Values {
		x.Records = append(x.Records, xmlRecord{v})
	}
	if s.Identifier != "" {
		x.Weight = &s.Weight
	}
	if s.Alias == "" {
		x.TTL = &s.TTL
		return x
	}
	x.Alias = &struct {
		HostedZoneID string `xml:"HostedZoneId"`
		DNSName      string
		Evaluate     bool `xml:"EvaluateTargetHealth"`
	}{HostedZoneID: "Z35SXDOTRQ7X7K", DNSName: s.Alias}
	return x
}

func escaped(name string) string {
	var b strings.Builder
	for _, c := range []byte(name) {
		if c == '.' || c == '-' || c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' {
			b.WriteByte(c)
			continue
		}
		fmt.Fprintf(&b, `\%03o`, c)
	}
	return b.String()
}

// byName lists hosted zones from a name on.
func (s *Server) byName(w http.ResponseWriter, q url.Values) {
	out := xmlZones{MaxItems: 100}
	zones := slices.Clone(s.zones)
	slices.SortStableFunc(zones, func(a, b Hosted) int { return strings.Compare(reversed(a.Name), reversed(b.Name)) })
	for _, z := range zones {
		if reversed(z.Name) >= reversed(strings.TrimSuffix(q.Get("dnsname"), ".")) {
			out.Zones = append(out.Zones, z.xml())
		}
	}
	respond(w, out)
}

// list lists sets from a name, type and identifier on.
func (s *Server) list(w http.ResponseWriter, z Hosted, q url.Values) {
	const page = 300
	place := func(name, kind, id string) string {
		return reversed(strings.TrimSuffix(name, ".")) + "\x00" + kind + "\x00" + id
	}
	sets := slices.Clone(z.Sets)
	slices.SortFunc(sets, func(a, b Set) int {
		return strings.Compare(place(a.Name, a.Type, a.Identifier), place(b.Name, b.Type, b.Identifier))
	})
	from := place(strings.ReplaceAll(q.Get("name"), `\052`, "*"), q.Get("type"), q.Get("identifier"))
	out := xmlSets{MaxItems: page}
	for _, set := range sets {
		switch {
		case q.Get("name") != "" && place(set.Name, set.Type, set.Identifier) < from:
		case len(out.Sets) == page:
			next := set.xml()
			out.IsTruncated, out.NextRecordName, out.NextRecordType, out.NextRecordIdentifier = true, next.Name, next.Type, next.SetIdentifier
			respond(w, out)
			return
		default:
			out.Sets = append(out.Sets, set.xml())
		}
	}
	respond(w, out)
}

func (s *Server) keyOf(r *http.Request) string {
	_, rest, _ := strings.Cut(r.Header.Get("Authorization"), "Credential=")
	key, _, _ := strings.Cut(rest, "/")
	return key
}

// stranger signs the request again with the secret that is right, and says what differs.
func (s *Server) stranger(r *http.Request, body []byte) (code string) {
	key := s.keyOf(r)
	if key != s.Key && key != s.Reader {
		return "InvalidClientTokenId"
	}
	again, err := http.NewRequestWithContext(r.Context(), r.Method, "http://"+r.Host+r.URL.RequestURI(), nil)
	if err != nil {
		return "InvalidRequest"
	}
	_, rest, _ := strings.Cut(r.Header.Get("Authorization"), "SignedHeaders=")
	names, _, _ := strings.Cut(rest, ",")
	for _, name := range strings.Split(names, ";") {
		switch name {
		case "host":
		case "content-length":
			again.ContentLength, _ = strconv.ParseInt(r.Header.Get(name), 10, 64) // 0 makes another signature
			again.ContentLength = max(again.ContentLength, r.ContentLength)
		default:
			again.Header.Set(name, r.Header.Get(name))
		}
	}
	at, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
	sum := sha256.Sum256(body)
	if err == nil {
		err = v4.NewSigner().SignHTTP(r.Context(), aws.Credentials{AccessKeyID: key, SecretAccessKey: s.Secret}, again,
			hex.EncodeToString(sum[:]), "route53", "us-east-1", at)
	}
	if err != nil || again.Header.Get("Authorization") != r.Header.Get("Authorization") {
		return "SignatureDoesNotMatch"
	}
	return ""
}
