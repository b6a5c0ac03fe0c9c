package pipeline

// Place is where a credential may stand.
type Place struct {
	Kind PlaceKind
	// Name is the lower-case header name, or the query parameter's name.
	Name string
}

// PlaceKind is the kind of a place.
type PlaceKind uint8

// The kinds of place.
const (
	PlaceHeader PlaceKind = iota + 1 // the value of a header is the credential
	PlaceBearer                      // "Bearer <credential>" in a header
	PlaceQuery                       // a query parameter
)

// DefaultPlaces are x-api-key and the bearer token in authorization.
func DefaultPlaces() []Place {
	return []Place{{PlaceHeader, "x-api-key"}, {PlaceBearer, "authorization"}}
}
