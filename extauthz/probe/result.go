package probe

import (
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"

	"credence/extauthz/pipeline"
)

// Result is the answer to a Check.
type Result struct {
	Allowed  bool              `json:"allowed"`
	Decision string            `json:"decision"` // allow, deny or shadow_deny
	Reason   string            `json:"reason"`
	Stage    string            `json:"stage"` // where it was decided
	Explains string            `json:"explanation"`
	Stages   []Stage           `json:"stages"`
	Reply    *Reply            `json:"reply,omitempty"`    // to the client, of a denial
	Upstream *Upstream         `json:"upstream,omitempty"` // to the request, of an allow
	Metadata map[string]string `json:"metadata"`
	Took     time.Duration     `json:"took_ns"`
}

// Stage is what became of the Check at one stage.
type Stage struct {
	Name   string `json:"name"`
	Result string `json:"result"` // passed, refused, would refuse, decided or not reached
	Does   string `json:"does"`
}

// The results of a stage.
const (
	passed      = "passed"
	refused     = "refused"
	wouldRefuse = "would refuse"
	decided     = "decided"
	notReached  = "not reached"
)

// Reply is what Envoy sends to the client.
type Reply struct {
	Status  int               `json:"status"`
	Headers map[string]string `json:"headers"`
	Body    string            `json:"body"`
}

// Upstream is what Envoy changes on the way to the upstream, and adds to its
// response.
type Upstream struct {
	Set             map[string]string `json:"set"`
	Remove          []string          `json:"remove"`
	RemoveQuery     []string          `json:"remove_query,omitempty"`
	ResponseHeaders map[string]string `json:"response_headers,omitempty"`
}

// read makes a Result of the answer.
func read(answer *authv3.CheckResponse) (*Result, error) {
	metadata := map[string]string{}
	for name, v := range answer.GetDynamicMetadata().GetFields()["credence"].GetStructValue().GetFields() {
		metadata[name] = v.GetStringValue()
	}
	r := &Result{
		Allowed: answer.GetStatus().GetCode() == 0, Metadata: metadata,
		Decision: metadata["decision"], Reason: metadata["reason"], Stage: metadata["stage"],
	}
	if answer.GetStatus() == nil || r.Decision == "" || r.Reason == "" || r.Stage == "" {
		return nil, ErrForeign
	}
	r.Explains = Explanation(r.Reason)
	r.Stages = r.stages()
	if r.Allowed {
		ok := answer.GetOkResponse()
		r.Upstream = &Upstream{
			Set: pairs(ok.GetHeaders()), Remove: ok.GetHeadersToRemove(), RemoveQuery: ok.GetQueryParametersToRemove(),
			ResponseHeaders: pairs(ok.GetResponseHeadersToAdd()),
		}
		return r, nil
	}
	denied := answer.GetDeniedResponse()
	r.Reply = &Reply{Status: int(denied.GetStatus().GetCode()), Headers: pairs(denied.GetHeaders()), Body: denied.GetBody()}
	return r, nil
}

func pairs(options []*corev3.HeaderValueOption) map[string]string {
	all := make(map[string]string, len(options))
	for _, o := range options {
		all[o.GetHeader().GetKey()] = o.GetHeader().GetValue()
	}
	return all
}

// stages tells the path: everything before the stage that decided was passed,
// nothing after it was reached.
func (r *Result) stages() []Stage {
	verdict := map[string]string{"allow": decided, "shadow_deny": wouldRefuse}[r.Decision]
	if verdict == "" {
		verdict = refused
	}
	state := passed
	var all []Stage
	for _, s := range pipeline.Stages() {
		one := Stage{Name: s.String(), Result: state, Does: does(s)}
		if s.String() == r.Stage {
			one.Result, state = verdict, notReached
		}
		all = append(all, one)
	}
	return all
}
