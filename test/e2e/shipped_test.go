package e2e_test

import (
	"path/filepath"
	"strings"
	"testing"

	"credence/test/harness"
)

// Every file under envoy/ is one that a user may start from.
func TestEnvoyAcceptsEveryShippedConfiguration(t *testing.T) {
	root, err := harness.Root()
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(root, "envoy", "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Fatal("no configuration found")
	}
	for _, file := range files {
		if err := harness.Validate(t.Context(), file); err != nil {
			t.Error(err)
		}
	}
}

func TestValidationFindsAMistake(t *testing.T) {
	c, err := harness.ShippedConfig()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Add(harness.HCMPlace+"/no_such_field", true); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "wrong.json")
	if err := c.Write(file); err != nil {
		t.Fatal(err)
	}
	if err := harness.Validate(t.Context(), file); err == nil || !strings.Contains(err.Error(), "no_such_field") {
		t.Errorf("Validate = %v, want an error that names the field", err)
	}
}

// The lines that decide between open and closed. Whoever changes one changes
// this test in the same commit.
func TestTheShippedConfigurationFailsClosed(t *testing.T) {
	c, err := harness.ShippedConfig()
	if err != nil {
		t.Fatal(err)
	}
	for place, want := range map[string]any{
		harness.ExtAuthzPlace + "/failure_mode_allow":                                                 false,
		harness.ExtAuthzPlace + "/status_on_error/code":                                               "ServiceUnavailable",
		harness.ExtAuthzPlace + "/encode_raw_headers":                                                 true,
		harness.ExtAuthzPlace + "/validate_mutations":                                                 true,
		harness.ExtAuthzPlace + "/transport_api_version":                                              "V3",
		harness.ExtAuthzPlace + "/decoder_header_mutation_rules/disallow_all":                         true,
		harness.HCMPlace + "/use_remote_address":                                                      true,
		harness.HCMPlace + "/normalize_path":                                                          true,
		harness.HCMPlace + "/merge_slashes":                                                           true,
		harness.HCMPlace + "/path_with_escaped_slashes_action":                                        "REJECT_REQUEST",
		harness.HCMPlace + "/common_http_protocol_options/headers_with_underscores_action":            "REJECT_REQUEST",
		harness.ExtAuthzPlace + "/grpc_service/retry_policy/retry_back_off/base_interval":             "0.02s",
		harness.ExtAuthzPlace + "/grpc_service/retry_policy/retry_back_off/max_interval":              "10s",
		harness.CredencePlace + "/common_lb_config/healthy_panic_threshold/value":                     0,
		harness.RoutesPlace + "/everything/match/prefix":                                              "/",
		harness.RoutesPlace + "/public/typed_per_filter_config/envoy.filters.http.ext_authz/disabled": true,
	} {
		got, err := c.Get(place)
		if err != nil {
			t.Error(err)
		} else if got != want {
			t.Errorf("%s = %v, want %v", place, got, want)
		}
	}
}

func TestAMissingEnvoyIsAnErrorThatSaysWhatToDo(t *testing.T) {
	t.Setenv("ENVOY_BIN", "")
	t.Setenv("ENVOY_VERSION", "0.0.0")
	if _, err := harness.EnvoyBinary(); err == nil || !strings.Contains(err.Error(), "make tools") {
		t.Errorf("EnvoyBinary = %v, want an error that names make tools", err)
	}
	missing := filepath.Join(t.TempDir(), "nothing")
	t.Setenv("ENVOY_BIN", missing)
	if _, err := harness.EnvoyBinary(); err == nil || !strings.Contains(err.Error(), "make tools") || !strings.Contains(err.Error(), missing) {
		t.Errorf("EnvoyBinary = %v, want an error that names make tools", err)
	}
}
