package api_test

import (
	"strings"
	"testing"

	"credence/management/client"
	"credence/management/report"
)

// TestAReportIsAFileThatABrowserSavesAndDoesNotRun in every format.
func TestAReportIsAFileThatABrowserSavesAndDoesNotRun(t *testing.T) {
	d := deploy(t)
	made, err := d.client(t, d.admin).ReportCreate(t.Context(), client.ReportCreateInput{})
	must(t, err)
	for _, f := range report.Formats() {
		got := d.send(t, "GET", "/v1/reports/"+made.ReportID+"/download?format="+string(f), "")
		for name, want := range map[string]string{
			"Content-Type": f.ContentType(), "Content-Disposition": "attachment; filename=credence-" + made.ReportID + "." + f.Ending(),
			"X-Content-Type-Options": "nosniff", "Content-Security-Policy": report.Policy() + "; frame-ancestors 'none'; sandbox",
		} {
			if got.header.Get(name) != want {
				t.Errorf("%s: %s is %q, want %q", f, name, got.header.Get(name), want)
			}
		}
		if got.status != 200 || !strings.Contains(got.body, made.ReportID) && f != report.Markdown {
			t.Errorf("%s: %d %.200s", f, got.status, got.body)
		}
	}
	if got := d.send(t, "GET", "/v1/reports/"+made.ReportID+"/download?format=pdf", ""); got.status != 422 && got.status != 400 {
		t.Errorf("another format answers %d", got.status)
	}
}
