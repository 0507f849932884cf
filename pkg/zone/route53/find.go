package route53

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	api "github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"
	"github.com/aws/smithy-go"

	"cutover.dev/cutover/pkg/fault"
)

const hintCredentials = "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or what else the AWS SDK reads; they have to allow " +
	"route53:ListHostedZonesByName, GetHostedZone, ListResourceRecordSets and ChangeResourceRecordSets; a condition on names has to let " +
	"those in scope and _cutover-check, one on types A, AAAA, CNAME and HTTPS"

// find settles which hosted zone is meant. A private one of the same name is never taken: its answers are for a VPC alone, so
// nobody could read it back.
func (e *Editor) find(ctx context.Context) (string, error) {
	if e.o.ID != "" {
		return e.named(ctx)
	}
	doing := "find the hosted zone " + e.zone
	out, err := e.client.ListHostedZonesByName(ctx, &api.ListHostedZonesByNameInput{DNSName: aws.String(e.zone + "."), MaxItems: aws.Int32(100)})
	if err != nil {
		return "", e.judge(doing, err)
	}
	var ids []string
	private := 0
	for _, z := range out.HostedZones {
		switch {
		case !e.is(z):
		case z.Config != nil && z.Config.PrivateZone:
			private++
		default:
			ids = append(ids, strings.TrimPrefix(aws.ToString(z.Id), "/hostedzone/"))
		}
	}
	switch {
	case len(ids) == 1:
		return ids[0], nil
	case len(ids) > 1:
		return "", fault.New(fault.Refused, "say which one in spec.dns.zones[].route53.id: the one whose name servers the zone above names",
			"%s: the account has several public ones: %s", doing, strings.Join(ids, ", "))
	}
	return "", fault.New(fault.Refused, "use credentials of the account that has the public zone",
		"%s: the account has no public hosted zone of that name, and %d private ones", doing, private)
}

// named looks whether the zone that the plan names is the right one.
func (e *Editor) named(ctx context.Context) (string, error) {
	doing := "look at the hosted zone " + e.o.ID
	out, err := e.client.GetHostedZone(ctx, &api.GetHostedZoneInput{Id: &e.o.ID})
	if err != nil {
		return "", e.judge(doing, err)
	}
	if z := *out.HostedZone; !e.is(z) {
		return "", fault.New(fault.Refused, "set spec.dns.zones[].route53.id right", "%s: its name is %s, not %s", doing, aws.ToString(z.Name), e.zone)
	} else if z.Config != nil && z.Config.PrivateZone {
		return "", fault.New(fault.Refused, "name the public one in spec.dns.zones[].route53.id",
			"%s: it is a private hosted zone, whose answers nobody could read back", doing)
	}
	return e.o.ID, nil
}

func (e *Editor) is(z types.HostedZone) bool { return ownerOf(aws.ToString(z.Name)) == e.zone }

// judge tells what will not change by asking again from what may. Throttling has been asked again already.
func (e *Editor) judge(doing string, err error) error {
	said, answered := errors.AsType[smithy.APIError](err)
	if !answered {
		if err != nil && fault.CodeOf(err) == fault.Unknown {
			return fmt.Errorf("%s: %w", doing, err)
		}
		return err // nil, or it says what we were doing
	}
	why := why(said)
	status := 0
	if r, is := errors.AsType[*awshttp.ResponseError](err); is {
		status = r.HTTPStatusCode()
	}
	switch {
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return fault.New(fault.Refused, hintCredentials, "%s: Route 53 does not let these credentials: %s", doing, why)
	case status == http.StatusNotFound:
		return fault.New(fault.Refused, "set spec.dns.zones[].route53.id right, and use credentials of its account", "%s: Route 53 does not know it: %s", doing, why)
	case said.ErrorCode() == (&types.InvalidChangeBatch{}).ErrorCode(), said.ErrorCode() == (&types.InvalidInput{}).ErrorCode():
		return fault.New(fault.Refused, "", "%s: Route 53 refuses the batch, and wrote nothing: %s", doing, why)
	}
	return fmt.Errorf("%s: Route 53 says %s", doing, why)
}

// why is what the service says.
func why(said smithy.APIError) string {
	if b, is := errors.AsType[*types.InvalidChangeBatch](said); is && len(b.Messages) > 0 {
		return said.ErrorCode() + ": " + strings.Join(b.Messages, "; ")
	}
	return said.ErrorCode() + ": " + said.ErrorMessage()
}
