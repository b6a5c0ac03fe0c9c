package client

import "time"

// Report is what there is to know of a report, without what it says.
type Report struct {
	ReportID   string    `json:"report_id" doc:"Public id of the report"`
	Namespace  string    `json:"namespace" doc:"What it is about; empty for all namespaces"`
	Span       string    `json:"span" enum:"on_demand,daily,weekly,monthly" doc:"What it is a report of"`
	Since      time.Time `json:"since" doc:"Beginning of the time that it is about"`
	Until      time.Time `json:"until" doc:"End of it"`
	ScheduleID string    `json:"schedule_id,omitempty" doc:"The schedule that it was made by"`
	CreatedBy  string    `json:"created_by" doc:"Who had it made, as the audit log names actors"`
	CreatedAt  time.Time `json:"created_at"`
	Size       int64     `json:"size" doc:"As it is kept, in bytes"`
}

// ReportCreate asks for a report.
type ReportCreate struct {
	Namespace string    `json:"namespace,omitempty" doc:"What it is about; none for all namespaces, which only a caller without limits may say"`
	Since     time.Time `json:"since,omitzero" doc:"Beginning of the time (RFC 3339), at most 400 days before the end; a day before it if unsaid"`
	Until     time.Time `json:"until,omitzero" doc:"End of it; now if unsaid"`
}

// ReportSchedule has reports made at intervals.
type ReportSchedule struct {
	ScheduleID string    `json:"schedule_id" doc:"Public id of the schedule"`
	Namespace  string    `json:"namespace" doc:"What the reports are about; empty for all namespaces"`
	Every      string    `json:"every" enum:"daily,weekly,monthly" doc:"Days, weeks from Monday on, or calendar months, in UTC"`
	NextAt     time.Time `json:"next_at" doc:"When the next one is made"`
	LastReport string    `json:"last_report,omitempty" doc:"Id of the last one"`
	CreatedBy  string    `json:"created_by" doc:"Who made it, as the audit log names actors"`
	CreatedAt  time.Time `json:"created_at"`
}

// ReportScheduleCreate asks for a new schedule.
type ReportScheduleCreate struct {
	Namespace string `json:"namespace,omitempty" doc:"What the reports are about; none for all namespaces, which only a caller without limits may say"`
	Every     string `json:"every" doc:"daily, weekly or monthly"`
}

// ReportCreateInput is the request of ReportCreate.
type ReportCreateInput struct {
	IdempotencyKey string `header:"Idempotency-Key" doc:"A repeated request with the same value makes nothing twice"`
	Body           ReportCreate
}

// ReportListInput is the request of ReportList.
type ReportListInput struct {
	Namespace string `query:"namespace" doc:"Only those about this namespace"`
	PageInput
}

// ReportInput is a request about one report.
type ReportInput struct {
	ReportID string `path:"report_id" doc:"Public id of the report"`
}

// ReportDownloadInput is the request of ReportDownload.
type ReportDownloadInput struct {
	ReportID string `path:"report_id" doc:"Public id of the report"`
	Format   string `query:"format" doc:"html, markdown, csv or json; html if unsaid"`
}

// ReportScheduleCreateInput is the request of ReportScheduleCreate.
type ReportScheduleCreateInput struct {
	IdempotencyKey string `header:"Idempotency-Key" doc:"A repeated request with the same value makes nothing twice"`
	Body           ReportScheduleCreate
}

// ReportScheduleListInput is the request of ReportScheduleList.
type ReportScheduleListInput struct {
	Namespace string `query:"namespace" doc:"Only those about this namespace"`
	PageInput
}

// ReportScheduleInput is a request about one schedule.
type ReportScheduleInput struct {
	ScheduleID string `path:"schedule_id" doc:"Public id of the schedule"`
}
