package arch_test

import (
	"go/ast"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// maxRoleMethods keeps a role small enough for a consumer to fake or wrap.
const maxRoleMethods = 7

// contractMethod is one method of a role interface in package store.
type contractMethod struct {
	name  string
	where string
	musts int // MUST and MUST NOT in its comment
}

// contract reads the interfaces of package store.
func contract(t *testing.T) (methods map[string]contractMethod, roles map[string]int) {
	t.Helper()
	must := regexp.MustCompile(`\bMUST\b`)
	methods, roles = map[string]contractMethod{}, map[string]int{}
	for _, file := range load(t)["store"] {
		if file.test {
			continue
		}
		ast.Inspect(file.file, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			role, ok := spec.Type.(*ast.InterfaceType)
			if !ok {
				return true
			}
			for _, field := range role.Methods.List {
				for _, name := range field.Names { // none for an embedded role
					roles[spec.Name.Name]++
					methods[name.Name] = contractMethod{
						name: name.Name, where: file.path + ": " + spec.Name.Name,
						musts: len(must.FindAllString(field.Doc.Text(), -1)),
					}
				}
			}
			return true
		})
	}
	if len(methods) < 30 {
		t.Fatalf("found only %d methods in the contract of package store", len(methods))
	}
	return methods, roles
}

// promises counts the tests of the conformance suite by the method they prove:
// the literals {"Method", "what it promises", proof} of the ...Promises tables.
func promises(t *testing.T) map[string]int {
	t.Helper()
	proofs := map[string]int{}
	for _, file := range load(t)["store/storetest"] {
		if file.test {
			continue
		}
		for _, declaration := range file.file.Decls {
			table, ok := declaration.(*ast.FuncDecl)
			if !ok || !strings.HasSuffix(table.Name.Name, "Promises") {
				continue
			}
			ast.Inspect(table, func(n ast.Node) bool {
				row, ok := n.(*ast.CompositeLit)
				if !ok || row.Type != nil || len(row.Elts) < 3 {
					return true
				}
				if method, ok := row.Elts[0].(*ast.BasicLit); ok {
					if name, err := strconv.Unquote(method.Value); err == nil {
						proofs[name]++
					}
				}
				return true
			})
		}
	}
	return proofs
}

func TestEveryMUSTOfTheStoreHasAProof(t *testing.T) {
	methods, _ := contract(t)
	proofs := promises(t)
	for _, m := range methods {
		if proofs[m.name] < m.musts {
			t.Errorf("%s.%s says MUST %d times; store/storetest has %d tests named after it", m.where, m.name, m.musts, proofs[m.name])
		}
	}
}

func TestRolesOfTheStoreAreSmall(t *testing.T) {
	_, roles := contract(t)
	for role, methods := range roles {
		if methods > maxRoleMethods {
			t.Errorf("store.%s has %d methods of its own, the limit is %d: split it by who uses it", role, methods, maxRoleMethods)
		}
	}
}
