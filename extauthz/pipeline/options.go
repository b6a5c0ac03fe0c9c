package pipeline

import (
	"errors"
	"fmt"
	"time"
)

// maxPlaces bounds the places that are searched at every Check.
const maxPlaces = 8

// Options are what a Pipeline needs. Validate says what is missing.
type Options struct {
	// Client says where the client's address is taken from. The zero value is
	// the transport peer.
	Client ClientOptions
	// Places are the places where a credential may stand, at most eight, of
	// them at most one bearer header and one query parameter; empty means
	// [DefaultPlaces].
	Places []Place
	// AcceptForeignKeys has text without a checksum of ours looked up, for
	// keys that were made elsewhere.
	AcceptForeignKeys bool

	Secrets   Secrets
	Keys      Keys
	Blacklist Blacklist
	Limiter   Limiter
	// Routes finds stored route policies; nil where none are.
	Routes Routes
	// Addresses limits all requests of one address; nil switches it off.
	Addresses AddressLimiter
	// Failures is the budget of failed credentials; nil switches it off.
	Failures Failures
	// Now is asked once for each Check.
	Now func() time.Time
}

// Validate reports the first option that makes no sense, by its name.
func (o *Options) Validate() error {
	switch {
	case o.Secrets == nil:
		return errors.New("secrets: missing")
	case o.Keys == nil:
		return errors.New("keys: missing")
	case o.Blacklist == nil:
		return errors.New("blacklist: missing")
	case o.Limiter == nil:
		return errors.New("limiter: missing")
	case o.Now == nil:
		return errors.New("now: missing")
	}
	return o.ValidateSettings()
}

// ValidateSettings reports the first of the options that an operator sets
// which makes no sense, so that it can be said before anything is started.
func (o *Options) ValidateSettings() error {
	if _, err := o.Client.source(); err != nil {
		return err
	}
	return validatePlaces(o.places())
}

func (o *Options) places() []Place {
	if len(o.Places) == 0 {
		return DefaultPlaces()
	}
	return o.Places
}

func validatePlaces(places []Place) error {
	if len(places) > maxPlaces {
		return fmt.Errorf("places: %d are too many; at most %d", len(places), maxPlaces)
	}
	names := make(map[string]bool, len(places))
	bearers, queries := 0, 0
	for _, place := range places {
		switch place.Kind {
		case PlaceHeader:
		case PlaceBearer:
			bearers++
		case PlaceQuery:
			queries++
		default:
			return fmt.Errorf("places: %q has unknown kind %d", place.Name, place.Kind)
		}
		if place.Kind == PlaceQuery {
			if !isParameterName(place.Name) {
				return fmt.Errorf("places: query parameter %q: use letters, digits, - . _ ~ only, which need no encoding", place.Name)
			}
			continue
		}
		if !isHeaderName(place.Name) {
			return fmt.Errorf("places: %q is not a lower-case header name", place.Name)
		}
		if names[place.Name] {
			return fmt.Errorf("places: header %q is named twice", place.Name)
		}
		names[place.Name] = true
	}
	if bearers > 1 || queries > 1 {
		return errors.New("places: more than one bearer header or more than one query parameter; keep one of each")
	}
	return nil
}

// isParameterName reports whether the name consists of unreserved characters
// (RFC 3986, 2.3), so that it has one canonical spelling.
func isParameterName(name string) bool {
	for i := range len(name) {
		b := name[i]
		if !isAlphanumeric(b) && b != '-' && b != '.' && b != '_' && b != '~' {
			return false
		}
	}
	return name != "" && len(name) <= 128
}
