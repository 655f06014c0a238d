package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/orrery-net/orrery/internal/central"
	"github.com/orrery-net/orrery/internal/model"
)

// token is an API token without its secret, which is not kept.
type token struct {
	Name         string     `json:"name" doc:"Unique among your tokens." example:"backup script"`
	ReadOnly     bool       `json:"readOnly" doc:"It changes nothing." example:"true"`
	NetworkID    *networkID `json:"networkId,omitempty" doc:"The only network that it opens. Absent: all of yours."`
	ExpiryTime   int64      `json:"expiryTime" doc:"It is not valid from then on. 0: it does not expire." example:"1798761600000"`
	CreationTime int64      `json:"creationTime" doc:"When it was made." example:"1767225600000"`
	LastUsedTime int64      `json:"lastUsedTime" doc:"When it was last shown, to a few seconds. 0: never." example:"1767229200000"`
	LastUsedFrom string     `json:"lastUsedFrom,omitempty" doc:"The address that it was last shown from, if that is known." example:"203.0.113.7"`
}

func tokenOf(t *model.Token, use model.TokenUse) token {
	v := token{
		Name: t.Name, ReadOnly: t.ReadOnly, NetworkID: oneNetwork(t.Network), ExpiryTime: t.ExpiryTime,
		CreationTime: t.CreationTime, LastUsedTime: use.Time,
	}
	if use.From.IsValid() {
		v.LastUsedFrom = use.From.String()
	}
	return v
}

// newToken is a token with its secret.
type newToken struct {
	Token  token  `json:"token" doc:"The token."`
	Secret string `json:"secret" doc:"What programs show. It cannot be asked for again." example:"uo3VgNHx0EJfNq4kTPbZ7sYa1WdR9mLc"`
}

// tokenRequest is what a new token shall be.
type tokenRequest struct {
	Name       string     `json:"name" minLength:"1" maxLength:"255" doc:"Unique among your tokens." example:"backup script"`
	Secret     string     `json:"secret,omitempty" minLength:"32" maxLength:"255" pattern:"^[!-~]*$" patternDescription:"printable ASCII characters without spaces" doc:"Chosen by you. Absent: the server makes one."`
	ReadOnly   bool       `json:"readOnly,omitempty" doc:"It shall change nothing." example:"true"`
	NetworkID  *networkID `json:"networkId,omitempty" doc:"The only network that it shall open: it cannot see or change anything else, not your account either. Absent: all of yours."`
	ExpiryTime int64      `json:"expiryTime,omitempty" minimum:"0" doc:"It shall not be valid from then on. 0: it does not expire." example:"1798761600000"`
}

type tokenList struct {
	Tokens []token `json:"tokens" nullable:"false" doc:"Ascending by name."`
}

type (
	tokenListOutput struct{ Body tokenList }
	tokenInput      struct{ Body tokenRequest }
	tokenOutput     struct{ Body newToken }
)

type tokenNameInput struct {
	Name string `path:"name" maxLength:"255" doc:"The token's name; in a path, a space is %20." example:"backup script"`
}

func (a *api) registerTokens() {
	handle(a, huma.Operation{
		OperationID: "list-tokens", Method: http.MethodGet, Path: "/tokens", Tags: []string{tagTokens},
		Summary:     "List your tokens",
		Description: "All your API tokens with their limits and their last use. Secrets are not kept, so they are not in the answer.",
	}, a.listTokens)
	handle(a, huma.Operation{
		OperationID: "create-token", Method: http.MethodPost, Path: "/tokens", Tags: []string{tagTokens}, DefaultStatus: http.StatusCreated,
		Summary:     "Make a token",
		Description: "The token is valid at once. The answer has its secret; there is no other way to see it. Tokens that are read-only or for one network cannot make others.", Errors: []int{http.StatusConflict},
	}, a.createToken)
	handle(a, huma.Operation{
		OperationID: "delete-token", Method: http.MethodDelete, Path: "/tokens/{name}", Tags: []string{tagTokens}, Errors: []int{http.StatusNotFound},
		Summary:     "Revoke a token",
		Description: "The token is not valid anymore at once; event streams opened with it end.",
	}, a.deleteToken)
}

func (a *api) listTokens(ctx context.Context, caller central.Caller, _ *struct{}) (*tokenListOutput, error) {
	all, err := a.service.Tokens(ctx, caller, caller.User.ID)
	if err != nil {
		return nil, err
	}
	tokens := make([]token, 0, len(all))
	for _, t := range all {
		tokens = append(tokens, tokenOf(t.Token, t.LastUse))
	}
	return &tokenListOutput{tokenList{tokens}}, nil
}

func (a *api) createToken(ctx context.Context, caller central.Caller, in *tokenInput) (*tokenOutput, error) {
	request := central.TokenRequest{
		Name: in.Body.Name, Secret: in.Body.Secret, ReadOnly: in.Body.ReadOnly, ExpiryTime: in.Body.ExpiryTime,
		Network: in.Body.NetworkID.orAll(),
	}
	made, secret, err := a.service.CreateToken(ctx, caller, caller.User.ID, request)
	if err != nil {
		return nil, err
	}
	return &tokenOutput{newToken{tokenOf(made, model.TokenUse{}), secret}}, nil
}

func (a *api) deleteToken(ctx context.Context, caller central.Caller, in *tokenNameInput) (*struct{}, error) {
	return nil, a.service.DeleteToken(ctx, caller, caller.User.ID, in.Name)
}
