package storetest

import (
	"fmt"
	"strings"
	"time"

	"credence/store"
)

// agentsBatch is a batch of key 1 and of nobody, n and 2n Checks.
func agentsBatch(sequence int64, hour time.Time, n int64) store.UsageBatch {
	return store.UsageBatch{Replica: "rep_1", Sequence: sequence, Started: day0(), At: hour, Agents: []store.AgentUsage{
		{Hour: hour, KeyID: keyID(1), Agent: "curl", Checks: n, Denied: n, Latency: 3 * time.Millisecond},
		{Hour: hour, Agent: "go-http-client", Checks: 3 * n, Latency: time.Millisecond},
	}}
}

func (f *fixture) countAgents(sequence int64, hour time.Time, n int64) {
	f.Helper()
	f.ok(f.backend.AddUsage(f.Context(), agentsBatch(sequence, hour, n)))
}

// agents are the sums as text.
func (f *fixture) agents(q store.UsageQuery) []string {
	f.Helper()
	q.Group = store.UsageOfAgent
	return names(f.sums(q), func(s store.UsageSum) string {
		return fmt.Sprintf("%s %s %d %d %s", s.Start.Format("02T15"), s.Group, s.Checks, s.Denied, s.Latency)
	})
}

func usageAgents(f *fixture) {
	f.references()
	f.insertKeys(f.fullKey(1))
	for range 3 {
		f.countAgents(1, day0(), 1)
		f.ok(f.backend.IngestUsage(f.Context(), agentsBatch(2, day0(), 4)))
	}
	for _, q := range []store.UsageQuery{{KeyID: keyID(1)}, {Owner: "team"}, {Plan: "basic"}, {Namespaces: []string{"tenant"}}} {
		q.Step, q.From = store.UsageByHour, day0()
		inOrder(f, f.agents(q), "06T00 curl 5 5 6ms")
	}
	inOrder(f, f.agents(store.UsageQuery{Step: store.UsageByHour, Namespaces: []string{"other"}}))
	equal(f, f.usageTotal(keyID(1)), 0)
}

func usageAgentsRefused(f *fixture) {
	for _, spoil := range []func(*store.AgentUsage){
		func(a *store.AgentUsage) { a.Hour = a.Hour.Add(time.Minute) },
		func(a *store.AgentUsage) { a.Agent = "" },
		func(a *store.AgentUsage) { a.Agent = strings.Repeat("x", store.MaxAgent+1) },
		func(a *store.AgentUsage) { a.Checks = -1 },
		func(a *store.AgentUsage) { a.Denied = -1 },
		func(a *store.AgentUsage) { a.Latency = -time.Second },
	} {
		b := agentsBatch(1, day0(), 1)
		spoil(&b.Agents[1])
		f.refused(f.backend.AddUsage(f.Context(), b), store.ErrInvalid)
	}
	inOrder(f, f.agents(store.UsageQuery{Step: store.UsageByHour}))
	b := agentsBatch(1, day0(), 1)
	b.Agents[0].Agent = strings.Repeat("x", store.MaxAgent)
	f.ok(f.backend.AddUsage(f.Context(), b))
}

func usageByAgent(f *fixture) {
	f.countAgents(1, day0(), 1)
	f.countAgents(2, day0().Add(time.Hour), 2)
	f.countAgents(3, day0().Add(24*time.Hour), 5)
	inOrder(f, f.agents(store.UsageQuery{Step: store.UsageByHour, Series: true, Until: day0().Add(2 * time.Hour)}),
		"06T00 curl 1 1 3ms", "06T00 go-http-client 3 0 1ms", "06T01 curl 2 2 3ms", "06T01 go-http-client 6 0 1ms")
	inOrder(f, f.agents(store.UsageQuery{Step: store.UsageByDay, Series: true}),
		"06T00 curl 3 3 6ms", "06T00 go-http-client 9 0 2ms", "07T00 curl 5 5 3ms", "07T00 go-http-client 15 0 1ms")
	for by, first := range map[store.UsageMeasure]string{
		store.UsageRequests: "06T00 go-http-client 24 0 3ms", store.UsageDenials: "06T00 curl 8 8 9ms", store.UsageLatency: "06T00 curl 8 8 9ms",
	} {
		inOrder(f, f.agents(store.UsageQuery{From: day0(), Step: store.UsageByHour, Top: by, Limit: 1}), first)
	}
}
