package ads

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protopath"
	"google.golang.org/protobuf/reflect/protorange"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/anypb"
)

// Resources are what an Envoy is told.
type Resources struct {
	Listeners []*listenerv3.Listener
	Routes    []*routev3.RouteConfiguration
	Clusters  []*clusterv3.Cluster
	Endpoints []*endpointv3.ClusterLoadAssignment
	Secrets   []*tlsv3.Secret
}

// Read reads YAML files with a list "resources", each element of which names
// its type with "@type".
func Read(files ...string) (*Resources, error) {
	r := &Resources{}
	for _, file := range files {
		if err := r.read(file); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
	}
	return r, nil
}

func (r *Resources) read(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var document struct {
		Resources []map[string]any `yaml:"resources"`
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(&document); err != nil {
		return err
	}
	if err := decoder.Decode(&struct{}{}); !errors.Is(err, io.EOF) {
		return errors.New("more than one document")
	}
	if len(document.Resources) == 0 {
		return errors.New("no resources")
	}
	for i, fields := range document.Resources {
		if err := r.addFields(fields); err != nil {
			return fmt.Errorf("resources[%d]: %w", i, err)
		}
	}
	return nil
}

// addFields decodes one resource given as a document.
func (r *Resources) addFields(fields map[string]any) error {
	text, err := json.Marshal(fields)
	if err != nil {
		return err
	}
	resource := &anypb.Any{}
	if err := protojson.Unmarshal(text, resource); err != nil {
		return err
	}
	return r.add(resource)
}

// add takes a resource in after its rules and those of everything in it were
// checked.
func (r *Resources) add(resource *anypb.Any) error {
	message, err := resource.UnmarshalNew()
	if err != nil {
		return err
	}
	if err := Validate(message); err != nil {
		return err
	}
	switch m := message.(type) {
	case *listenerv3.Listener:
		r.Listeners = append(r.Listeners, m)
	case *routev3.RouteConfiguration:
		r.Routes = append(r.Routes, m)
	case *clusterv3.Cluster:
		r.Clusters = append(r.Clusters, m)
	case *endpointv3.ClusterLoadAssignment:
		r.Endpoints = append(r.Endpoints, m)
	case *tlsv3.Secret:
		r.Secrets = append(r.Secrets, m)
	default:
		return fmt.Errorf("%s is no resource that this server serves", resource.GetTypeUrl())
	}
	return nil
}

// Decode reads a message from a document: fields that it does not have, and
// values that break its rules, are errors.
func Decode(document any, into proto.Message) error {
	text, err := json.Marshal(document)
	if err != nil {
		return err
	}
	if err := protojson.Unmarshal(text, into); err != nil {
		return err
	}
	return Validate(into)
}

// Validate checks the rules of a message and of everything packed in it.
func Validate(message proto.Message) error {
	return protorange.Range(message.ProtoReflect(), func(at protopath.Values) error {
		value, ok := at.Index(-1).Value.Interface().(protoreflect.Message)
		if !ok {
			return nil
		}
		// Generated rules look into fields, but not into an Any.
		step := at.Index(-1).Step.Kind()
		rules, ok := value.Interface().(interface{ ValidateAll() error })
		if !ok || (step != protopath.RootStep && step != protopath.AnyExpandStep) {
			return nil
		}
		if err := rules.ValidateAll(); err != nil {
			return fmt.Errorf("%s: %w", at.Path, err)
		}
		return nil
	})
}
