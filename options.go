package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"credence/extauthz"
	"credence/extauthz/limiter"
	"credence/extauthz/pipeline"
)

func newLogger(c config, w io.Writer) *slog.Logger {
	options := &slog.HandlerOptions{Level: c.LogLevel}
	if c.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}

// pipelineOptions turns settings into the options of the decision.
func pipelineOptions(c config) (pipeline.Options, error) {
	o := pipeline.Options{
		Client: pipeline.ClientOptions{
			Source: c.ClientSource, TrustedHops: c.ClientTrustedHops, TrustedNetworks: c.ClientTrustedCIDRs,
		},
		AcceptForeignKeys: c.AcceptForeignKeys,
		Now:               time.Now,
	}
	for _, s := range c.KeySources {
		place, err := parsePlace(s)
		if err != nil {
			return o, usageError{err}
		}
		o.Places = append(o.Places, place)
	}
	if c.AddressLimit != nil {
		l, err := limiter.NewAddressLimiter(*c.AddressLimit, 0, time.Now)
		if err != nil {
			return o, usageError{fmt.Errorf("address-limit: %w", err)}
		}
		o.Addresses = l
	}
	if c.FailureLimit != nil {
		l, err := limiter.NewFailures(*c.FailureLimit, 0, time.Now)
		if err != nil {
			return o, usageError{fmt.Errorf("failure-limit: %w", err)}
		}
		o.Failures = l
	}
	return o, nil
}

// checkDataPlane refuses settings that no data plane can work with, before
// anything is made or started.
func checkDataPlane(c config) error {
	decisions, err := pipelineOptions(c)
	if err != nil {
		return err
	}
	if err := decisions.ValidateSettings(); err != nil {
		return settingError(err)
	}
	answers, err := answerOptions(c)
	if err != nil {
		return err
	}
	if err := answers.Validate(); err != nil {
		return settingError(err)
	}
	return checkForward(c)
}

// settingError says in an operator's words what is wrong with an option: the
// packages begin their errors with the option's name, here it becomes that of
// the setting it was made from.
func settingError(err error) error {
	for _, name := range [][2]string{
		{"client.source", "client-source"},
		{"client.trusted_hops", "client-trusted-hops"},
		{"client.trusted_networks", "client-trusted-cidrs"},
		{"places", "key-sources"},
		{"option Answer.KeyHeader", "key-sources"},
		{"option Answer.KeyPlaces", "key-sources"},
		{"option Answer.Realm", "realm"},
		{"option Answer.Metadata", "metadata-fields"},
		{"option Answer.Identity.KeyID", "identity-headers: key-id"},
		{"option Answer.Identity.Namespace", "identity-headers: namespace"},
		{"option Answer.Identity.Owner", "identity-headers: owner"},
		{"option Answer.Identity.Type", "identity-headers: type"},
		{"option Answer.Identity.Scopes", "identity-headers: scopes"},
		{"option Answer.Identity.Plan", "identity-headers: plan"},
	} {
		if rest, ok := strings.CutPrefix(err.Error(), name[0]+":"); ok {
			return usageError{errors.New(name[1] + ":" + rest)}
		}
	}
	return usageError{err}
}

func parsePlace(s string) (pipeline.Place, error) {
	kind, name, _ := strings.Cut(strings.TrimSpace(s), ":")
	switch {
	case kind == "header" && name != "":
		return pipeline.Place{Kind: pipeline.PlaceHeader, Name: strings.ToLower(name)}, nil
	case kind == "bearer" && name == "":
		return pipeline.Place{Kind: pipeline.PlaceBearer, Name: "authorization"}, nil
	case kind == "query" && name != "":
		return pipeline.Place{Kind: pipeline.PlaceQuery, Name: name}, nil
	}
	return pipeline.Place{}, fmt.Errorf("key-sources: %q is none of header:NAME, bearer, query:NAME", s)
}

// answerOptions turns settings into the shape of the answers.
func answerOptions(c config) (extauthz.AnswerOptions, error) {
	o := extauthz.AnswerOptions{Realm: c.Realm, NoRateLimitFields: !c.RateLimitHeaders, KeepCredential: c.KeepCredential}
	o.Metadata = metadataFields(c.MetadataFields)
	fields := map[string]*extauthz.IdentityHeader{
		"key-id": &o.Identity.KeyID, "namespace": &o.Identity.Namespace, "owner": &o.Identity.Owner,
		"type": &o.Identity.Type, "scopes": &o.Identity.Scopes, "plan": &o.Identity.Plan,
	}
	for _, f := range fields {
		f.Off = true
	}
	for _, s := range c.IdentityHeaders {
		field, name, _ := strings.Cut(strings.TrimSpace(s), "=")
		f, ok := fields[field]
		if !ok {
			return o, usageError{fmt.Errorf("identity-headers: %q is none of key-id, namespace, owner, type, scopes, plan", field)}
		}
		f.Off, f.Name = false, strings.ToLower(name)
	}
	bearer := false
	var places []string
	for _, s := range c.KeySources {
		place, err := parsePlace(s)
		if err != nil {
			return o, usageError{err}
		}
		bearer = bearer || place.Kind == pipeline.PlaceBearer
		places = append(places, placeText(place))
		if place.Kind == pipeline.PlaceHeader && o.KeyHeader == "" {
			o.KeyHeader = place.Name
		}
	}
	if bearer {
		o.KeyHeader = ""
	}
	o.KeyPlaces = strings.Join(places[:min(2, len(places))], " or ") // enough to succeed, and bounded
	return o, nil
}

// metadataFields reads the list: all and none stand alone.
func metadataFields(list []string) []string {
	if len(list) == 1 {
		switch strings.TrimSpace(list[0]) {
		case "all":
			return nil
		case "none":
			return []string{}
		}
	}
	fields := make([]string, 0, len(list))
	for _, field := range list {
		fields = append(fields, strings.TrimSpace(field))
	}
	return fields
}

// placeText says where a key goes to somebody who sent none.
func placeText(p pipeline.Place) string {
	switch p.Kind {
	case pipeline.PlaceBearer:
		return "as a bearer token"
	case pipeline.PlaceQuery:
		return "in the query parameter " + p.Name
	case pipeline.PlaceHeader:
	}
	return "in the header " + p.Name
}
