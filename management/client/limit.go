package client

// Limit is a named rate: limit requests per period, at most burst at once.
type Limit struct {
	Name   string `json:"name" minLength:"1" maxLength:"63" doc:"Tells it from the other limits"`
	Limit  int64  `json:"limit" doc:"Requests per period"`
	Period string `json:"period" doc:"Go duration: 1s, 1m, 1h, ..."`
	Burst  int64  `json:"burst,omitempty" doc:"Most requests at once; the limit if unsaid"`
}

// Quota is a named calendar budget that refills at the start of each period.
type Quota struct {
	Name   string `json:"name" minLength:"1" maxLength:"63" doc:"Tells it from the other quotas"`
	Limit  int64  `json:"limit" doc:"Requests per period"`
	Period string `json:"period" enum:"day,month" doc:"Calendar window in UTC"`
}
