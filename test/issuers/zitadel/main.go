// Command zitadel-issuer is an OpenID Connect issuer for the tests: github.com/zitadel/oidc with users and clients from standard
// input, all in memory. It prints a line when it listens.
//
// Its ID tokens do not contain user names; only userinfo does.
package main

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"html"
	"log"
	"net/http"
	"os"
	"slices"
	"sync"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
	"golang.org/x/text/language"
)

// settings are read from standard input, as JSON.
type settings struct {
	ClientID     string            `json:"clientId"`
	ClientSecret string            `json:"clientSecret"`
	RedirectURIs []string          `json:"redirectUris"`
	LogoutURIs   []string          `json:"logoutUris"`
	Users        map[string]person `json:"users"`
}

type person struct {
	Password string   `json:"password"`
	Groups   []string `json:"groups"`
}

func main() {
	listen := flag.String("listen", "127.0.0.1:9998", "address")
	flag.Parse()
	var given settings
	if err := json.NewDecoder(os.Stdin).Decode(&given); err != nil {
		log.Fatal(err)
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		log.Fatal(err)
	}
	store := &storage{settings: given, key: key, requests: map[string]*authRequest{}, tokens: map[string]string{}}
	issuer := "http://" + *listen
	config := &op.Config{
		CryptoKey:                sha256.Sum256([]byte("test")),
		CodeMethodS256:           true,
		AuthMethodPost:           true,
		SupportedUILocales:       []language.Tag{language.English},
		DefaultLogoutRedirectURI: "/logged-out",
	}
	provider, err := op.NewProvider(config, store, op.StaticIssuer(issuer), op.WithAllowInsecure())
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /login", func(w http.ResponseWriter, r *http.Request) {
		form(w, r.FormValue("id"), "")
	})
	interceptor := op.NewIssuerInterceptor(provider.IssuerFromRequest)
	mux.HandleFunc("POST /login", interceptor.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, user := r.FormValue("id"), r.FormValue("username")
		if err := store.logIn(id, user, r.FormValue("password")); err != nil {
			form(w, id, err.Error())
			return
		}
		http.Redirect(w, r, op.AuthCallbackURL(provider)(r.Context(), id), http.StatusFound)
	}))
	mux.Handle("/", provider)
	fmt.Println("listening on", issuer)
	log.Fatal(http.ListenAndServe(*listen, mux))
}

func form(w http.ResponseWriter, id, trouble string) {
	w.Header().Set("Content-Type", "text/html")
	fmt.Fprintf(w, `<!DOCTYPE html><title>Issuer</title><p>%s</p><form method="post" action="/login">
<input type="hidden" name="id" value="%s"><label>User <input name="username"></label>
<label>Password <input name="password" type="password"></label><button>Log in</button></form>`,
		html.EscapeString(trouble), html.EscapeString(id))
}

// client is the only client.
type client struct{ settings }

func (c client) GetID() string                       { return c.ClientID }
func (c client) RedirectURIs() []string              { return c.settings.RedirectURIs }
func (c client) PostLogoutRedirectURIs() []string    { return c.LogoutURIs }
func (c client) ApplicationType() op.ApplicationType { return op.ApplicationTypeWeb }
func (c client) AuthMethod() oidc.AuthMethod         { return oidc.AuthMethodBasic }
func (c client) ResponseTypes() []oidc.ResponseType {
	return []oidc.ResponseType{oidc.ResponseTypeCode}
}
func (c client) GrantTypes() []oidc.GrantType {
	return []oidc.GrantType{oidc.GrantTypeCode, oidc.GrantTypeClientCredentials}
}
func (c client) LoginURL(id string) string            { return "/login?id=" + id }
func (c client) AccessTokenType() op.AccessTokenType  { return op.AccessTokenTypeJWT }
func (c client) IDTokenLifetime() time.Duration       { return time.Hour }
func (c client) DevMode() bool                        { return true }
func (c client) IsScopeAllowed(string) bool           { return true }
func (c client) IDTokenUserinfoClaimsAssertion() bool { return false }
func (c client) ClockSkew() time.Duration             { return 0 }
func (c client) RestrictAdditionalIdTokenScopes() func([]string) []string {
	return func(scopes []string) []string { return scopes }
}
func (c client) RestrictAdditionalAccessTokenScopes() func([]string) []string {
	return func(scopes []string) []string { return scopes }
}

type authRequest struct {
	*oidc.AuthRequest
	id, user string
	authTime time.Time
}

func (a *authRequest) GetID() string       { return a.id }
func (a *authRequest) GetClientID() string { return a.ClientID }
func (a *authRequest) GetNonce() string    { return a.Nonce }
func (a *authRequest) GetScopes() []string { return a.Scopes }
func (a *authRequest) GetResponseMode() oidc.ResponseMode {
	return a.ResponseMode
}
func (a *authRequest) GetACR() string         { return "" }
func (a *authRequest) GetAMR() []string       { return []string{"pwd"} }
func (a *authRequest) GetAudience() []string  { return []string{a.ClientID} }
func (a *authRequest) GetAuthTime() time.Time { return a.authTime }
func (a *authRequest) GetSubject() string     { return subjectOf(a.user) }
func (a *authRequest) Done() bool             { return a.user != "" }
func (a *authRequest) GetCodeChallenge() *oidc.CodeChallenge {
	if a.CodeChallenge == "" {
		return nil
	}
	return &oidc.CodeChallenge{Challenge: a.CodeChallenge, Method: a.CodeChallengeMethod}
}

// program is a client that requests its own token (RFC 6749, section 4.4).
type program struct {
	id     string
	scopes []string
}

func (p program) GetSubject() string    { return p.id }
func (p program) GetAudience() []string { return []string{p.id, "mlflow-api"} }
func (p program) GetScopes() []string   { return p.scopes }

const subjectPrefix = "id-"

func subjectOf(user string) string { return subjectPrefix + user }

type storage struct {
	settings
	key      *rsa.PrivateKey
	mutex    sync.Mutex
	requests map[string]*authRequest
	// tokens maps the IDs of access tokens to their subjects.
	tokens map[string]string
	codes  sync.Map
}

var errUnknown = errors.New("not found")

func (s *storage) logIn(id, user, password string) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	request, ok := s.requests[id]
	if !ok {
		return errUnknown
	}
	if known, ok := s.Users[user]; !ok || known.Password != password {
		return errors.New("user or password is wrong")
	}
	request.user, request.authTime = user, time.Now()
	return nil
}

func (s *storage) CreateAuthRequest(_ context.Context, request *oidc.AuthRequest, _ string) (op.AuthRequest, error) {
	if slices.Contains(request.Prompt, "none") {
		return nil, oidc.ErrLoginRequired()
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	made := &authRequest{AuthRequest: request, id: rand.Text()}
	s.requests[made.id] = made
	return made, nil
}

func (s *storage) AuthRequestByID(_ context.Context, id string) (op.AuthRequest, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if request, ok := s.requests[id]; ok {
		return request, nil
	}
	return nil, errUnknown
}

func (s *storage) AuthRequestByCode(ctx context.Context, code string) (op.AuthRequest, error) {
	id, ok := s.codes.Load(code)
	if !ok {
		return nil, errUnknown
	}
	return s.AuthRequestByID(ctx, id.(string))
}

func (s *storage) SaveAuthCode(_ context.Context, id, code string) error {
	s.codes.Store(code, id)
	return nil
}

func (s *storage) DeleteAuthRequest(_ context.Context, id string) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	delete(s.requests, id)
	return nil
}

func (s *storage) CreateAccessToken(_ context.Context, request op.TokenRequest) (string, time.Time, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	id := rand.Text()
	s.tokens[id] = request.GetSubject()
	return id, time.Now().Add(5 * time.Minute), nil
}

func (s *storage) CreateAccessAndRefreshTokens(context.Context, op.TokenRequest, string) (string, string, time.Time, error) {
	return "", "", time.Time{}, errUnknown
}

func (s *storage) TokenRequestByRefreshToken(context.Context, string) (op.RefreshTokenRequest, error) {
	return nil, errUnknown
}

func (s *storage) TerminateSession(context.Context, string, string) error { return nil }

func (s *storage) RevokeToken(context.Context, string, string, string) *oidc.Error { return nil }

func (s *storage) GetRefreshTokenInfo(context.Context, string, string) (string, string, error) {
	return "", "", op.ErrInvalidRefreshToken
}

type signingKey struct{ private *rsa.PrivateKey }

func (k signingKey) SignatureAlgorithm() jose.SignatureAlgorithm { return jose.RS256 }
func (k signingKey) Key() any                                    { return k.private }
func (k signingKey) ID() string                                  { return "key-1" }

type publicKey struct{ signingKey }

func (k publicKey) Algorithm() jose.SignatureAlgorithm { return jose.RS256 }
func (k publicKey) Use() string                        { return "sig" }
func (k publicKey) Key() any                           { return &k.private.PublicKey }

func (s *storage) SigningKey(context.Context) (op.SigningKey, error) { return signingKey{s.key}, nil }

func (s *storage) SignatureAlgorithms(context.Context) ([]jose.SignatureAlgorithm, error) {
	return []jose.SignatureAlgorithm{jose.RS256}, nil
}

func (s *storage) KeySet(context.Context) ([]op.Key, error) {
	return []op.Key{publicKey{signingKey{s.key}}}, nil
}

func (s *storage) GetClientByClientID(_ context.Context, id string) (op.Client, error) {
	if id != s.ClientID {
		return nil, errUnknown
	}
	return client{s.settings}, nil
}

func (s *storage) AuthorizeClientIDSecret(_ context.Context, id, secret string) error {
	if id != s.ClientID || secret != s.ClientSecret {
		return errUnknown
	}
	return nil
}

func (s *storage) ClientCredentials(ctx context.Context, id, secret string) (op.Client, error) {
	if err := s.AuthorizeClientIDSecret(ctx, id, secret); err != nil {
		return nil, err
	}
	return s.GetClientByClientID(ctx, id)
}

func (s *storage) ClientCredentialsTokenRequest(_ context.Context, id string, scopes []string) (op.TokenRequest, error) {
	return program{id, scopes}, nil
}

func (s *storage) SetUserinfoFromScopes(_ context.Context, info *oidc.UserInfo, subject, _ string, _ []string) error {
	info.Subject = subject
	return nil
}

func (s *storage) SetUserinfoFromToken(_ context.Context, info *oidc.UserInfo, id, subject, _ string) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.tokens[id] != subject {
		return errUnknown
	}
	info.Subject = subject
	for name, known := range s.Users {
		if subjectOf(name) == subject {
			info.PreferredUsername = name
			info.AppendClaims("groups", known.Groups)
		}
	}
	return nil
}

func (s *storage) SetIntrospectionFromToken(context.Context, *oidc.IntrospectionResponse, string, string, string) error {
	return errUnknown
}

func (s *storage) GetPrivateClaimsFromScopes(context.Context, string, string, []string) (map[string]any, error) {
	return nil, nil
}

func (s *storage) GetKeyByIDAndClientID(context.Context, string, string) (*jose.JSONWebKey, error) {
	return nil, errUnknown
}

func (s *storage) ValidateJWTProfileScopes(context.Context, string, []string) ([]string, error) {
	return nil, errUnknown
}

func (s *storage) Health(context.Context) error { return nil }
