package gateways

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	kubejson "sigs.k8s.io/json"
	"sigs.k8s.io/yaml"
)

// documents are the parts of a file of YAML, without those that hold nothing
// but comments.
func documents(t *testing.T, text string) [][]byte {
	t.Helper()
	var parts [][]byte
	reader := utilyaml.NewDocumentDecoder(io.NopCloser(bytes.NewReader([]byte(text))))
	for {
		part := make([]byte, len(text)+1)
		n, err := reader.Read(part)
		if errors.Is(err, io.EOF) {
			return parts
		}
		if err != nil {
			t.Fatal(err)
		}
		var holds map[string]any
		if err := yaml.Unmarshal(part[:n], &holds); err != nil {
			t.Fatalf("%v in\n%s", err, part[:n])
		}
		if len(holds) > 0 {
			parts = append(parts, part[:n])
		}
	}
}

// objects are the Kubernetes objects of a deployment, by name.
type objects struct {
	deployments map[string]*appsv1.Deployment
	jobs        map[string]*batchv1.Job
	services    map[string]*corev1.Service
	accounts    map[string]*corev1.ServiceAccount
	policies    map[string]*networkingv1.NetworkPolicy
	budgets     map[string]*policyv1.PodDisruptionBudget
	namespaces  map[string]*corev1.Namespace
}

func newObjects() *objects {
	return &objects{
		deployments: map[string]*appsv1.Deployment{}, jobs: map[string]*batchv1.Job{}, services: map[string]*corev1.Service{},
		accounts: map[string]*corev1.ServiceAccount{}, policies: map[string]*networkingv1.NetworkPolicy{},
		budgets: map[string]*policyv1.PodDisruptionBudget{}, namespaces: map[string]*corev1.Namespace{},
	}
}

// add decodes a document into the type of its kind. A field that the type does
// not have, or that stands twice, is an error.
func (o *objects) add(document []byte) error {
	var head metav1.TypeMeta
	if err := yaml.Unmarshal(document, &head); err != nil {
		return err
	}
	switch head {
	case metav1.TypeMeta{APIVersion: "apps/v1", Kind: "Deployment"}:
		return keep(o.deployments, document)
	case metav1.TypeMeta{APIVersion: "batch/v1", Kind: "Job"}:
		return keep(o.jobs, document)
	case metav1.TypeMeta{APIVersion: "v1", Kind: "Service"}:
		return keep(o.services, document)
	case metav1.TypeMeta{APIVersion: "v1", Kind: "ServiceAccount"}:
		return keep(o.accounts, document)
	case metav1.TypeMeta{APIVersion: "networking.k8s.io/v1", Kind: "NetworkPolicy"}:
		return keep(o.policies, document)
	case metav1.TypeMeta{APIVersion: "policy/v1", Kind: "PodDisruptionBudget"}:
		return keep(o.budgets, document)
	case metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"}:
		return keep(o.namespaces, document)
	}
	return fmt.Errorf("%s %s: a kind that no test knows", head.APIVersion, head.Kind)
}

// decode is what the API server does with --validate=strict: names of fields
// are looked at letter by letter, clusterIp is none.
func decode(document []byte, into any) error {
	text, err := yaml.YAMLToJSONStrict(document)
	if err != nil {
		return err
	}
	problems, err := kubejson.UnmarshalStrict(text, into)
	return errors.Join(append(problems, err)...)
}

// keep decodes one object and puts it under its name.
func keep[T any, P interface {
	*T
	metav1.Object
}](into map[string]P, document []byte) error {
	object := P(new(T))
	if err := decode(document, object); err != nil {
		return err
	}
	if _, twice := into[object.GetName()]; twice || object.GetName() == "" {
		return fmt.Errorf("%T: the name %q is empty or stands twice", object, object.GetName())
	}
	into[object.GetName()] = object
	return nil
}

func TestMisspeltFieldsOfManifestsAreFound(t *testing.T) {
	for what, document := range map[string]string{
		"a field that is not there": "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {clusterIp: None}\n",
		"a field twice":             "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {clusterIP: None, clusterIP: None}\n",
		"a value of another type":   "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {ports: [{port: many}]}\n",
		"a version that is gone":    "apiVersion: policy/v1beta1\nkind: PodDisruptionBudget\nmetadata: {name: a}\n",
		"no name":                   "apiVersion: v1\nkind: Service\n",
	} {
		if err := newObjects().add([]byte(document)); err == nil {
			t.Errorf("%s: no error", what)
		}
	}
}

// podOf is the template of the pods of a Deployment or Job.
func (o *objects) podOf(t *testing.T, name string) corev1.PodTemplateSpec {
	t.Helper()
	if d, ok := o.deployments[name]; ok {
		return d.Spec.Template
	}
	if j, ok := o.jobs[name]; ok {
		return j.Spec.Template
	}
	t.Fatalf("no Deployment or Job %s", name)
	return corev1.PodTemplateSpec{}
}
