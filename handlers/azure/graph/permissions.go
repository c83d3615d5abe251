package graph

import (
	"context"
	"net/http"
	"slices"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	azpolicy "github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"guestlist/handlers/azure/identity"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
)

// Roles returns the permissions in the credential's token for Graph at the URL, sorted: those
// that Graph checks. An admin has consented to them, and the platform knows of it already.
func Roles(ctx context.Context, credential azcore.TokenCredential, url string) ([]string, error) {
	const doing = "reading the permissions in the app's token"
	token, err := identity.Marked(credential).GetToken(ctx, azpolicy.TokenRequestOptions{Scopes: []string{Scope(url)}})
	if err != nil {
		return nil, operation{doing: doing}.withoutToken(err)
	}
	claims, err := identity.ParseClaims(token.Token)
	if err != nil {
		return nil, problem.New(request.DirectoryUnavailable, "%s: %w", doing, err)
	}
	slices.Sort(claims.Roles)
	return append([]string{}, claims.Roles...), nil
}

// MayInvite returns nil if Graph would take an invitation from this app. It sends one without an
// address, which reaches nobody: Graph checks the permission first. Errors are as for Invite.
func (c *Client) MayInvite(ctx context.Context) error {
	const doing = "asking whether the app may invite"
	call, err := newPost(doing, "/invitations", map[string]string{}, struct{}{})
	if err != nil {
		return err
	}
	allowed := false
	err = c.call(ctx, operation{
		doing: doing,
		classify: func(a *answerError) problem.Code {
			allowed = a.status == http.StatusBadRequest
			return classifyInvitation(a, request.Invitation{})
		},
	}, func(ctx context.Context) error { return c.adapter.SendNoContent(ctx, call, nil) })
	if allowed {
		return nil
	}
	return err
}

// MayAddMembers returns nil if Graph would let this app add members to any group. It names a
// group and a user that do not exist. An app that may not can still add members to a group that
// it owns.
func (c *Client) MayAddMembers(ctx context.Context) error {
	const nobody = "00000000-0000-0000-0000-000000000000"
	_, err := c.AddMember(ctx, nobody, nobody)
	switch problem.CodeOf(err) {
	case request.DirectoryNotReplicated:
		return nil
	}
	return err
}
