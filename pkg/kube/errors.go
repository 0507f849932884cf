package kube

import (
	"context"
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"cutover.dev/cutover/pkg/fault"
)

// explain gives an error of a request its code and hint. doing reads "get Ingress shop/web in new". The cause stays in
// the chain, so apierrors.IsNotFound and the like work.
func (c *Cluster) explain(doing string, err error) error {
	if err == nil {
		return nil
	}
	wrapped := fmt.Errorf("%s: %w", doing, err)
	_, answered := errors.AsType[*apierrors.StatusError](err)
	switch {
	case fault.CodeOf(err) != fault.Unknown: // explained already
		return wrapped
	case apierrors.IsUnauthorized(err) && c.lent:
		return fault.Wrap(fault.Refused, "the API server of "+c.env+" does not believe GitHub's token of this job: compare what it wants of the issuer, the audience and the claims with docs/rbac/github-oidc.yaml", wrapped)
	case apierrors.IsUnauthorized(err):
		return fault.Wrap(fault.Refused, "the credentials of "+c.env+" are not, or no longer, valid (a token may have expired): put fresh ones into "+variable(c.env)+" and run the same phase again, it resumes", wrapped)
	case apierrors.IsForbidden(err) && c.justBack():
		return fault.Wrap(fault.Unsure, "run the same again in a moment", fmt.Errorf("could not tell, the API server of %s has just come back and may not know its roles yet: %w", c.env, wrapped))
	case apierrors.IsForbidden(err):
		return fault.Wrap(fault.Refused, "this identity lacks a permission, or a quota or an admission policy of "+c.env+" says no; the error tells which. Roles are in docs/rbac, and cutover rbac prints those for your plan; a quota has to be raised", wrapped)
	case apierrors.IsNotFound(err), apierrors.IsConflict(err), apierrors.IsAlreadyExists(err), apierrors.IsInvalid(err), apierrors.IsBadRequest(err):
		return wrapped
	case errors.Is(err, context.Canceled):
		return wrapped
	case !answered, apierrors.IsInternalError(err), apierrors.IsServiceUnavailable(err), apierrors.IsServerTimeout(err), apierrors.IsTimeout(err), apierrors.IsTooManyRequests(err):
		return fault.Wrap(fault.Unsure, "see that the API server of "+c.env+" is well and can be reached from here, then run the same again", fmt.Errorf("could not tell, the API server of %s gave no answer: %w", c.env, wrapped))
	}
	return wrapped
}

// named is "Ingress shop/web in new".
func (c *Cluster) named(k Kind, ns, name string) string {
	switch {
	case name == "" && ns == "":
		return k.Kind + " objects in " + c.env
	case name == "":
		return k.Kind + " objects of " + ns + " in " + c.env
	case ns == "":
		return k.Kind + " " + name + " in " + c.env
	}
	return k.Kind + " " + ns + "/" + name + " in " + c.env
}
