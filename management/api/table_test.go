package api_test

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"credence/management"
	"credence/management/api"
	"credence/management/client"
	"credence/store"
)

// concrete is the path of a row with names that exist nowhere.
func concrete(op api.Operation) string {
	return strings.NewReplacer("{key_id}", "key_00000000000000000000000000", "{token_id}", "tok_00000000000000000000000000", "{id}", "blk_00000000000000000000000000", "{name}", "nowhere", "{key_type}", "system").Replace(op.Path)
}

func TestOnlyReadsAreOpenToViewersAndAuditors(t *testing.T) {
	for _, op := range api.Operations() {
		reads := op.Method == http.MethodGet
		if reads != (op.Role == store.RoleViewer || op.Role == store.RoleAuditor || op.Role == "") {
			t.Errorf("%s %s needs role %q", op.Method, op.Path, op.Role)
		}
	}
}

func TestATokenActsOnlyInItsNamespaces(t *testing.T) {
	d := deploy(t)
	admin := d.client(t, d.admin)
	_, err := admin.NamespaceCreate(t.Context(), client.NamespaceCreateInput{Body: client.NamespaceCreate{Name: "payments"}})
	must(t, err)
	mine := d.client(t, d.token(t, store.RoleOperator, "payments"))
	foreign, err := admin.KeyCreate(t.Context(), client.KeyCreateInput{Body: client.KeyCreate{Name: "foreign"}})
	must(t, err)
	own, err := mine.KeyCreate(t.Context(), client.KeyCreateInput{Body: client.KeyCreate{Name: "own", Namespace: "payments"}})
	must(t, err)

	_, err = mine.KeyShow(t.Context(), client.KeyShowInput{KeyID: foreign.Key.KeyID})
	wantCode(t, err, http.StatusNotFound, "not_found")
	_, err = mine.KeyRevoke(t.Context(), client.KeyStatusInput{KeyID: foreign.Key.KeyID})
	wantCode(t, err, http.StatusNotFound, "not_found")
	_, err = mine.KeyUpdate(t.Context(), client.KeyUpdateInput{
		KeyID: foreign.Key.KeyID, IfMatch: foreign.ETag(), Body: client.KeyUpdate{Labels: client.Set(map[string]*string{"a": nil})},
	})
	wantCode(t, err, http.StatusNotFound, "not_found")
	list, err := mine.KeyList(t.Context(), client.KeyListInput{})
	must(t, err)
	if len(list.Items) != 1 || list.Items[0].KeyID != own.Key.KeyID {
		t.Errorf("a token of one namespace lists %d keys", len(list.Items))
	}
	who, err := mine.Me(t.Context(), client.MeInput{})
	must(t, err)
	if !slices.Equal(who.Namespaces, []string{"payments"}) || who.Role != "operator" || !strings.HasPrefix(who.Actor, "token:tok_") {
		t.Errorf("me is %+v", who)
	}
}

func TestEveryErrorCodeHasAStatus(t *testing.T) {
	// What the OpenAPI document says of each operation is made from the table.
	document, tree := published(t)
	for _, op := range api.Operations() {
		described := document.Paths[op.Path][strings.ToLower(op.Method)]
		if described.OperationID != op.ID {
			t.Errorf("the OpenAPI document lacks %s %s", op.Method, op.Path)
			continue
		}
		if _, ok := described.Responses[strconv.Itoa(op.Status)]; !ok {
			t.Errorf("%s: success status %d is not documented", op.ID, op.Status)
		}
		for _, code := range op.Codes {
			found := false
			for _, r := range described.Responses {
				found = found || strings.Contains(r.Description, string(code))
			}
			if !found {
				t.Errorf("%s: code %s is not documented", op.ID, code)
			}
		}
	}
	for _, never := range []string{"ErrorModel", "ErrorDetail"} {
		if resolves(tree, "#/components/schemas/"+never) {
			t.Errorf("the OpenAPI document shows %s, which is never sent", never)
		}
	}
}

func TestTheClientHasAMethodForEveryRow(t *testing.T) {
	if len(api.Operations()) == 0 {
		t.Fatal("the table is empty")
	}
	typ := reflect.TypeFor[*client.Client]()
	for _, op := range api.Operations() {
		if _, ok := typ.MethodByName(op.ID); !ok {
			t.Errorf("client lacks %s", op.ID)
		}
	}
}

func TestTheClientAndTheCommittedDocumentAreUpToDate(t *testing.T) {
	folder := t.TempDir()
	methods, document := filepath.Join(folder, "operations_gen.go"), filepath.Join(folder, "openapi.json")
	out, err := exec.CommandContext(t.Context(), "go", "run", "./generate", "-client", methods, "-document", document).CombinedOutput()
	if err != nil {
		t.Fatalf("generate: %v\n%s", err, out)
	}
	for fresh, committed := range map[string]string{methods: "../client/operations_gen.go", document: "../../docs/openapi.json"} {
		want, err := os.ReadFile(fresh)
		must(t, err)
		got, err := os.ReadFile(committed)
		must(t, err)
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("run `make generate` (-generated +committed):\n%s", diff)
		}
	}
}

func TestEveryCodeOfTheUseCasesIsKnownToTheTableOfStatuses(t *testing.T) {
	want := map[management.Code]int{
		management.CodeInvalidInput: 422, management.CodeNotFound: 404, management.CodeConflict: 409,
		management.CodeStaleVersion: 412, management.CodePreconditionRequired: 428, management.CodeForbidden: 403,
		management.CodeUnauthorized: 401, management.CodeInUse: 409, management.CodeKeyRevoked: 409,
		management.CodeKeyExpired: 409, management.CodeKeyRotated: 409,
		management.CodeKeyNotPurgeable: 409, management.CodeIdempotencyKeyReused: 422, management.CodeUnavailable: 503,
		management.CodeIdentityProvider: 503, management.CodeRemote: 502, management.CodeInternal: 500,
	}
	for _, code := range management.Codes() {
		if got := api.StatusOf(code); got != want[code] {
			t.Errorf("code %s is %d, want %d", code, got, want[code])
		}
	}
}
