package api_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"credence/management"
	"credence/management/client"
	"credence/store"
)

// walk is a deployment in which every operation can succeed once.
type walk struct {
	*client.Client

	t       *testing.T
	store   *store.Store
	service *management.Service
}

func ok[T any](w walk) func(T, error) T {
	return func(v T, err error) T {
		w.t.Helper()
		must(w.t, err)
		return v
	}
}

func (w walk) key(name string) client.Key {
	w.t.Helper()
	return ok[client.KeyCreated](w)(w.KeyCreate(w.t.Context(), client.KeyCreateInput{Body: client.KeyCreate{Name: name}})).Key
}

func (w walk) plan(name string) client.Plan {
	w.t.Helper()
	return ok[client.Plan](w)(w.PlanCreate(w.t.Context(), client.PlanCreateInput{Body: client.PlanCreate{Name: name}}))
}

func (w walk) owner(name string) client.Owner {
	w.t.Helper()
	return ok[client.Owner](w)(w.OwnerCreate(w.t.Context(), client.OwnerCreateInput{Body: client.OwnerCreate{Name: name}}))
}

func (w walk) namespace(name string) client.Namespace {
	w.t.Helper()
	return ok[client.Namespace](w)(w.NamespaceCreate(w.t.Context(), client.NamespaceCreateInput{Body: client.NamespaceCreate{Name: name}}))
}

func (w walk) rule(network string) client.BlacklistRule {
	w.t.Helper()
	return ok[client.BlacklistAdded](w)(w.BlacklistAdd(w.t.Context(), client.BlacklistAddInput{Body: client.BlacklistAdd{Network: network, Reason: "scan"}})).BlacklistRule
}

func (w walk) token(name string) client.Token {
	w.t.Helper()
	return ok[client.TokenCreated](w)(w.TokenCreate(w.t.Context(), client.TokenCreateInput{Body: client.TokenCreate{Name: name, Role: "viewer"}})).Token
}

func (w walk) route(name string) client.RoutePolicy {
	w.t.Helper()
	return ok[client.RoutePolicyChanged](w)(w.RoutePolicyCreate(w.t.Context(), client.RoutePolicyCreateInput{
		Body: client.RoutePolicyCreate{Name: name, Hosts: []string{name + ".example.com"}},
	})).RoutePolicy
}

func (w walk) policy(keyType string) client.KeyPolicy {
	w.t.Helper()
	return ok[client.KeyPolicy](w)(w.KeyPolicyShow(w.t.Context(), client.KeyPolicyShowInput{KeyType: keyType, Namespace: store.DefaultNamespace}))
}

func (w walk) setPolicy(keyType string) (client.KeyPolicy, error) {
	return w.KeyPolicySet(w.t.Context(), client.KeyPolicySetInput{
		KeyType: keyType, Namespace: store.DefaultNamespace, IfMatch: w.policy(keyType).ETag(), Body: client.KeyPolicySet{ScopesRequired: client.Set(true)},
	})
}

// leaves is an operation that changes something: the action that its entry
// has, what has to be there before, and the call.
type leaves struct {
	action string
	ready  func(w walk) (id, tag string)
	call   func(w walk, id, tag string) error
}

// audited has a row for every operation that is not a read.
var audited = map[string]leaves{
	"KeyCreate": {"key.create", nil, func(w walk, _, _ string) error {
		_, err := w.KeyCreate(w.t.Context(), client.KeyCreateInput{Body: client.KeyCreate{Name: "made"}})
		return err
	}},
	"KeyUpdate": {"key.update", aKey, func(w walk, id, tag string) error {
		_, err := w.KeyUpdate(w.t.Context(), client.KeyUpdateInput{KeyID: id, IfMatch: tag, Body: client.KeyUpdate{Name: client.Set("changed")}})
		return err
	}},
	"KeyPurge": {"key.purge", func(w walk) (string, string) {
		k := w.key("purged")
		revoked := ok[client.KeyChanged](w)(w.KeyRevoke(w.t.Context(), client.KeyStatusInput{KeyID: k.KeyID}))
		return k.KeyID, revoked.ETag()
	}, func(w walk, id, tag string) error {
		return w.KeyPurge(w.t.Context(), client.KeyPurgeInput{KeyID: id, IfMatch: tag})
	}},
	"KeyRevoke": {"key.revoke", aKey, func(w walk, id, _ string) error {
		_, err := w.KeyRevoke(w.t.Context(), client.KeyStatusInput{KeyID: id})
		return err
	}},
	"KeyDisable": {"key.disable", aKey, func(w walk, id, _ string) error {
		_, err := w.KeyDisable(w.t.Context(), client.KeyStatusInput{KeyID: id})
		return err
	}},
	"KeySuspend": {"key.suspend", aKey, func(w walk, id, _ string) error {
		_, err := w.KeySuspend(w.t.Context(), client.KeyStatusInput{KeyID: id})
		return err
	}},
	"KeyEnable": {"key.enable", func(w walk) (string, string) {
		k := w.key("disabled")
		ok[client.KeyChanged](w)(w.KeyDisable(w.t.Context(), client.KeyStatusInput{KeyID: k.KeyID}))
		return k.KeyID, ""
	}, func(w walk, id, _ string) error {
		_, err := w.KeyEnable(w.t.Context(), client.KeyStatusInput{KeyID: id})
		return err
	}},
	"KeyRotate": {"key.rotate", aKey, func(w walk, id, _ string) error {
		_, err := w.KeyRotate(w.t.Context(), client.KeyRotateInput{KeyID: id})
		return err
	}},
	"KeyImport": {"key.import", nil, func(w walk, _, _ string) error {
		_, err := w.KeyImport(w.t.Context(), client.KeyImportInput{Body: client.KeyImport{Keys: []client.KeyImportRow{
			{SHA256: strings.Repeat("ab", 32), KeyCreate: client.KeyCreate{Name: "imported"}},
		}}})
		return err
	}},
	"KeysRevoke": {"key.revoke", func(w walk) (string, string) {
		w.key("one of many")
		plan := ok[client.KeysRevoked](w)(w.KeysRevoke(w.t.Context(), client.KeysRevokeInput{
			Body: client.KeysRevoke{Filter: client.KeyFilter{Name: "one of many"}, Reason: "test"},
		}))
		return plan.Confirm, ""
	}, func(w walk, confirm, _ string) error {
		_, err := w.KeysRevoke(w.t.Context(), client.KeysRevokeInput{Body: client.KeysRevoke{Confirm: confirm}})
		return err
	}},
	"KeyPolicySet": {"key_policy.set", nil, func(w walk, _, _ string) error {
		_, err := w.setPolicy("system")
		return err
	}},
	"KeyPolicyReset": {"key_policy.reset", func(w walk) (string, string) {
		return "user", ok[client.KeyPolicy](w)(w.setPolicy("user")).ETag()
	}, func(w walk, keyType, tag string) error {
		return w.KeyPolicyReset(w.t.Context(), client.KeyPolicyResetInput{KeyType: keyType, Namespace: store.DefaultNamespace, IfMatch: tag})
	}},
	"PlanCreate": {"plan.create", nil, func(w walk, _, _ string) error {
		w.plan("made")
		return nil
	}},
	"PlanUpdate": {"plan.update", aPlan, func(w walk, name, tag string) error {
		_, err := w.PlanUpdate(w.t.Context(), client.PlanUpdateInput{Name: name, IfMatch: tag, Body: client.PlanUpdate{Description: client.Set("x")}})
		return err
	}},
	"PlanDelete": {"plan.delete", aPlan, func(w walk, name, tag string) error {
		return w.PlanDelete(w.t.Context(), client.PlanDeleteInput{Name: name, IfMatch: tag})
	}},
	"OwnerCreate": {"owner.create", nil, func(w walk, _, _ string) error {
		w.owner("made")
		return nil
	}},
	"OwnerUpdate": {"owner.update", anOwner, func(w walk, name, tag string) error {
		_, err := w.OwnerUpdate(w.t.Context(), client.OwnerUpdateInput{Name: name, IfMatch: tag, Body: client.OwnerUpdate{Description: client.Set("x")}})
		return err
	}},
	"OwnerDelete": {"owner.delete", anOwner, func(w walk, name, tag string) error {
		return w.OwnerDelete(w.t.Context(), client.OwnerDeleteInput{Name: name, IfMatch: tag})
	}},
	"NamespaceCreate": {"namespace.create", nil, func(w walk, _, _ string) error {
		w.namespace("made")
		return nil
	}},
	"NamespaceUpdate": {"namespace.update", aNamespace, func(w walk, name, tag string) error {
		_, err := w.NamespaceUpdate(w.t.Context(), client.NamespaceUpdateInput{Name: name, IfMatch: tag, Body: client.NamespaceUpdate{Description: client.Set("x")}})
		return err
	}},
	"NamespaceDelete": {"namespace.delete", aNamespace, func(w walk, name, tag string) error {
		return w.NamespaceDelete(w.t.Context(), client.NamespaceDeleteInput{Name: name, IfMatch: tag})
	}},
	"BlacklistAdd": {"blacklist.add", nil, func(w walk, _, _ string) error {
		w.rule("192.0.2.1")
		return nil
	}},
	"BlacklistImport": {"blacklist.add", nil, func(w walk, _, _ string) error {
		_, err := w.BlacklistImport(w.t.Context(), client.BlacklistImportInput{Body: client.BlacklistImport{
			Reason: "scan", Rules: []client.BlacklistImportRow{{Network: "192.0.2.4"}},
		}})
		return err
	}},
	"BlacklistRulesRemove": {"blacklist.remove", func(w walk) (string, string) { return w.rule("192.0.2.3").Network, "" }, func(w walk, network, _ string) error {
		_, err := w.BlacklistRulesRemove(w.t.Context(), client.BlacklistRulesRemoveInput{Body: client.BlacklistRulesRemove{Networks: []string{network}}})
		return err
	}},
	"BlacklistRemove": {"blacklist.remove", func(w walk) (string, string) { return w.rule("192.0.2.2").ID, "" }, func(w walk, id, _ string) error {
		_, err := w.BlacklistRemove(w.t.Context(), client.BlacklistRemoveInput{ID: id})
		return err
	}},
	"TokenCreate": {"token.create", nil, func(w walk, _, _ string) error {
		w.token("made")
		return nil
	}},
	"TokenRevoke": {"token.revoke", aToken, func(w walk, id, _ string) error {
		_, err := w.TokenRevoke(w.t.Context(), client.TokenRevokeInput{TokenID: id})
		return err
	}},
	"TokenRotate": {"token.rotate", aToken, func(w walk, id, _ string) error {
		_, err := w.TokenRotate(w.t.Context(), client.TokenRotateInput{TokenID: id})
		return err
	}},
	"AuditCheckpoint": {"audit.checkpoint", nil, func(w walk, _, _ string) error {
		_, err := w.AuditCheckpoint(w.t.Context(), client.AuditCheckpointInput{})
		return err
	}},
	"CleanupRun": {"cleanup.run", nil, func(w walk, _, _ string) error {
		_, err := w.CleanupRun(w.t.Context(), client.CleanupRunInput{Name: "quotas"})
		return err
	}},
	"AnomalyAcknowledge": {"anomaly.acknowledge", anAnomaly, func(w walk, id, _ string) error {
		_, err := w.AnomalyAcknowledge(w.t.Context(), client.AnomalyStateInput{ID: id})
		return err
	}},
	"AnomalyUndo": {"anomaly.undo", anAct, func(w walk, id, _ string) error {
		_, err := w.AnomalyUndo(w.t.Context(), client.AnomalyStateInput{ID: id})
		return err
	}},
	"AnomalyReplay": {"anomaly.replay", nil, func(w walk, _, _ string) error {
		_, err := w.AnomalyReplay(w.t.Context(), client.AnomalyReplayInput{})
		return err
	}},
	"AnomalyPolicySet": {"anomaly_policy.set", anAnomalyPolicy, func(w walk, _, tag string) error {
		return w.setAnomalyPolicy(tag)
	}},
	"AnomalyPolicyReset": {"anomaly_policy.reset", func(w walk) (string, string) {
		must(w.t, w.setAnomalyPolicy(w.anomalyPolicy().ETag()))
		return "", w.anomalyPolicy().ETag()
	}, func(w walk, _, tag string) error {
		return w.AnomalyPolicyReset(w.t.Context(), client.AnomalyPolicyResetInput{IfMatch: tag})
	}},
	"AnomalyResolve": {"anomaly.resolve", anAnomaly, func(w walk, id, _ string) error {
		_, err := w.AnomalyResolve(w.t.Context(), client.AnomalyStateInput{ID: id})
		return err
	}},
	"RoutePolicyCreate": {"route_policy.create", nil, func(w walk, _, _ string) error {
		w.route("made")
		return nil
	}},
	"RoutePolicyUpdate": {"route_policy.update", aRoute, func(w walk, name, tag string) error {
		_, err := w.RoutePolicyUpdate(w.t.Context(), client.RoutePolicyUpdateInput{Name: name, IfMatch: tag, Body: client.RoutePolicyUpdate{Description: client.Set("x")}})
		return err
	}},
	"RoutePolicyDelete": {"route_policy.delete", aRoute, func(w walk, name, tag string) error {
		_, err := w.RoutePolicyDelete(w.t.Context(), client.RoutePolicyDeleteInput{Name: name, IfMatch: tag})
		return err
	}},
	"GiteaConnectionCreate": {"connection.create", nil, func(w walk, _, _ string) error {
		aConnection(w)
		return nil
	}},
	"GiteaConnectionUpdate": {"connection.update", aConnection, func(w walk, id, tag string) error {
		_, err := w.GiteaConnectionUpdate(w.t.Context(), client.ConnectionUpdateInput{Name: id, IfMatch: tag, Body: client.ConnectionUpdate{Paused: client.Set(true)}})
		return err
	}},
	"GiteaConnectionDelete": {"connection.delete", aConnection, func(w walk, id, tag string) error {
		return w.GiteaConnectionDelete(w.t.Context(), client.ConnectionDeleteInput{Name: id, IfMatch: tag})
	}},
	"GiteaConnectionCheck": {"connection.check", aConnection, func(w walk, id, _ string) error {
		_, err := w.GiteaConnectionCheck(w.t.Context(), client.ConnectionInput{Name: id})
		return err
	}},
	"ReportCreate": {"report.create", nil, func(w walk, _, _ string) error {
		_, err := w.ReportCreate(w.t.Context(), client.ReportCreateInput{})
		return err
	}},
	"ReportDelete": {"report.delete", func(w walk) (string, string) {
		return ok[client.Report](w)(w.ReportCreate(w.t.Context(), client.ReportCreateInput{})).ReportID, ""
	}, func(w walk, id, _ string) error {
		return w.ReportDelete(w.t.Context(), client.ReportInput{ReportID: id})
	}},
	"ReportScheduleCreate": {"report_schedule.create", nil, func(w walk, _, _ string) error {
		_, err := w.ReportScheduleCreate(w.t.Context(), client.ReportScheduleCreateInput{Body: client.ReportScheduleCreate{Every: "daily"}})
		return err
	}},
	"ReportScheduleDelete": {"report_schedule.delete", func(w walk) (string, string) {
		made := ok[client.ReportSchedule](w)(w.ReportScheduleCreate(w.t.Context(), client.ReportScheduleCreateInput{Body: client.ReportScheduleCreate{Every: "daily"}}))
		return made.ScheduleID, ""
	}, func(w walk, id, _ string) error {
		return w.ReportScheduleDelete(w.t.Context(), client.ReportScheduleInput{ScheduleID: id})
	}},
	"GiteaTokenCreate": {"gitea_token.create", nil, func(w walk, _, _ string) error {
		aGiteaToken(w)
		return nil
	}},
	"GiteaTokenVerify": {"gitea_token.verify", aGiteaToken, func(w walk, id, _ string) error {
		_, err := w.GiteaTokenVerify(w.t.Context(), client.GiteaTokenInput{TokenID: id})
		return err
	}},
	"GiteaTokenRotate": {"gitea_token.rotate", aGiteaToken, func(w walk, id, _ string) error {
		_, err := w.GiteaTokenRotate(w.t.Context(), client.GiteaTokenRotateInput{TokenID: id})
		return err
	}},
	"GiteaTokenCollect": {"gitea_token.collect", func(w walk) (string, string) {
		id, _ := aGiteaToken(w)
		is := ok[store.OutsideCredential](w)(w.store.OutsideCredential(w.t.Context(), store.SystemGitea, id))
		is.CollectedAt = time.Time{} // as after a rotation by schedule
		_, err := w.store.InTx(w.t.Context(), func(ctx context.Context, tx *store.Tx) error {
			tx.Audit(store.AuditRecord{Actor: "system", Action: "test", Object: "test"})
			return errors.Join(tx.SetOutsideListed(ctx, store.SystemGitea, id, is.Seen), tx.UpdateOutsideCredential(ctx, is))
		})
		must(w.t, err)
		return id, ""
	}, func(w walk, id, _ string) error {
		_, err := w.GiteaTokenCollect(w.t.Context(), client.GiteaTokenInput{TokenID: id})
		return err
	}},
	"GiteaTokenCompare": {"gitea_token.compare", aConnection, func(w walk, id, _ string) error {
		_, err := w.GiteaTokenCompare(w.t.Context(), client.GiteaTokenCompareInput{Body: client.GiteaTokenCompare{Connection: id}})
		return err
	}},
	"GiteaTokenAdopt": {"gitea_token.adopt", func(w walk) (string, string) {
		id, _ := aGiteaToken(w)
		is := ok[store.OutsideCredential](w)(w.store.OutsideCredential(w.t.Context(), store.SystemGitea, id))
		is.State, is.Seen.ServerScopes = store.OutsideWidened, []string{"read:repository"}
		_, err := w.store.InTx(w.t.Context(), func(ctx context.Context, tx *store.Tx) error {
			tx.Audit(store.AuditRecord{Actor: "system", Action: "test", Object: "test"})
			return tx.UpdateOutsideCredential(ctx, is)
		})
		must(w.t, err)
		return id, ""
	}, func(w walk, id, _ string) error {
		_, err := w.GiteaTokenAdopt(w.t.Context(), client.GiteaTokenAdoptInput{TokenID: id})
		return err
	}},
	"GiteaTokenDelete": {"gitea_token.delete", aGiteaToken, func(w walk, id, _ string) error {
		return w.GiteaTokenDelete(w.t.Context(), client.GiteaTokenInput{TokenID: id})
	}},
	"N8NConnectionCreate": {"connection.create", nil, func(w walk, _, _ string) error {
		anN8N(w)
		return nil
	}},
	"N8NConnectionUpdate": {"connection.update", anN8N, func(w walk, id, tag string) error {
		_, err := w.N8NConnectionUpdate(w.t.Context(), client.ConnectionUpdateInput{Name: id, IfMatch: tag, Body: client.ConnectionUpdate{Paused: client.Set(true)}})
		return err
	}},
	"N8NConnectionDelete": {"connection.delete", anN8N, func(w walk, id, tag string) error {
		return w.N8NConnectionDelete(w.t.Context(), client.ConnectionDeleteInput{Name: id, IfMatch: tag})
	}},
	"N8NConnectionCheck": {"connection.check", anN8N, func(w walk, id, _ string) error {
		_, err := w.N8NConnectionCheck(w.t.Context(), client.ConnectionInput{Name: id})
		return err
	}},
	"N8NKeyCreate": {"n8n_key.create", nil, func(w walk, _, _ string) error {
		anN8NKey(w)
		return nil
	}},
	"N8NKeyVerify": {"n8n_key.verify", anN8NKey, func(w walk, id, _ string) error {
		_, err := w.N8NKeyVerify(w.t.Context(), client.N8NKeyInput{ID: id})
		return err
	}},
	"N8NKeyRotate": {"n8n_key.rotate", anN8NKey, func(w walk, id, _ string) error {
		_, err := w.N8NKeyRotate(w.t.Context(), client.N8NKeyRotateInput{ID: id})
		return err
	}},
	"N8NKeyCollect": {"n8n_key.collect", func(w walk) (string, string) {
		id, _ := anN8NKey(w)
		is := ok[store.OutsideCredential](w)(w.store.OutsideCredential(w.t.Context(), store.SystemN8N, id))
		is.CollectedAt = time.Time{} // as after a rotation by schedule
		_, err := w.store.InTx(w.t.Context(), func(ctx context.Context, tx *store.Tx) error {
			tx.Audit(store.AuditRecord{Actor: "system", Action: "test", Object: "test"})
			return errors.Join(tx.SetOutsideListed(ctx, store.SystemN8N, id, is.Seen), tx.UpdateOutsideCredential(ctx, is))
		})
		must(w.t, err)
		return id, ""
	}, func(w walk, id, _ string) error {
		_, err := w.N8NKeyCollect(w.t.Context(), client.N8NKeyInput{ID: id})
		return err
	}},
	"N8NKeyCompare": {"n8n_key.compare", anN8N, func(w walk, id, _ string) error {
		_, err := w.N8NKeyCompare(w.t.Context(), client.N8NKeyCompareInput{Body: client.N8NKeyCompare{Connection: id}})
		return err
	}},
	"N8NKeyAdopt": {"n8n_key.adopt", func(w walk) (string, string) {
		id, _ := anN8NKey(w)
		is := ok[store.OutsideCredential](w)(w.store.OutsideCredential(w.t.Context(), store.SystemN8N, id))
		is.State, is.Seen.ServerScopes = store.OutsideWidened, is.Scopes
		_, err := w.store.InTx(w.t.Context(), func(ctx context.Context, tx *store.Tx) error {
			tx.Audit(store.AuditRecord{Actor: "system", Action: "test", Object: "test"})
			return tx.UpdateOutsideCredential(ctx, is)
		})
		must(w.t, err)
		return id, ""
	}, func(w walk, id, _ string) error {
		_, err := w.N8NKeyAdopt(w.t.Context(), client.N8NKeyAdoptInput{ID: id})
		return err
	}},
	"N8NKeyDelete": {"n8n_key.delete", anN8NKey, func(w walk, id, _ string) error {
		return w.N8NKeyDelete(w.t.Context(), client.N8NKeyInput{ID: id})
	}},
	"WebhookCreate": {"webhook.create", nil, func(w walk, _, _ string) error {
		w.webhook()
		return nil
	}},
	"WebhookUpdate": {"webhook.update", aWebhook, func(w walk, id, tag string) error {
		_, err := w.WebhookUpdate(w.t.Context(), client.WebhookUpdateInput{WebhookID: id, IfMatch: tag, Body: client.WebhookUpdate{Rate: client.Set(int64(3))}})
		return err
	}},
	"WebhookDelete": {"webhook.delete", aWebhook, func(w walk, id, tag string) error {
		return w.WebhookDelete(w.t.Context(), client.WebhookDeleteInput{WebhookID: id, IfMatch: tag})
	}},
	"WebhookDisable": {"webhook.disable", aWebhook, func(w walk, id, _ string) error {
		_, err := w.WebhookDisable(w.t.Context(), client.WebhookDisableInput{WebhookID: id, Body: client.WebhookDisable{Reason: "enough"}})
		return err
	}},
	"WebhookEnable": {"webhook.enable", func(w walk) (string, string) {
		id, _ := aWebhook(w)
		ok[client.Webhook](w)(w.WebhookDisable(w.t.Context(), client.WebhookDisableInput{WebhookID: id, Body: client.WebhookDisable{Reason: "enough"}}))
		return id, ""
	}, func(w walk, id, _ string) error {
		_, err := w.WebhookEnable(w.t.Context(), client.WebhookInput{WebhookID: id})
		return err
	}},
	"WebhookRotateSecret": {"webhook.rotate_secret", aWebhook, func(w walk, id, _ string) error {
		_, err := w.WebhookRotateSecret(w.t.Context(), client.WebhookRotateSecretInput{WebhookID: id})
		return err
	}},
	"WebhookTest": {"webhook.test", aWebhook, func(w walk, id, _ string) error {
		_, err := w.WebhookTest(w.t.Context(), client.WebhookInput{WebhookID: id})
		return err
	}},
	"WebhookRedeliver": {"webhook.redeliver", aFailedDelivery, func(w walk, webhook, delivery string) error {
		_, err := w.WebhookRedeliver(w.t.Context(), client.WebhookDeliveryInput{WebhookID: webhook, DeliveryID: delivery})
		return err
	}},
	"WebhookReplay": {"webhook.replay", aFailedDelivery, func(w walk, webhook, _ string) error {
		since := newClock().now().Add(-time.Hour)
		_, err := w.WebhookReplay(w.t.Context(), client.WebhookReplayInput{WebhookID: webhook, Body: client.WebhookReplay{Since: since}})
		return err
	}},
}
