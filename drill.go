package main

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"

	"credence/extauthz"
	"credence/extauthz/drill"
)

func drillCommand(p process) *cobra.Command {
	return drill.Command(drill.CommandOptions{Out: p.out, DataDir: environment(p.environ)["CREDENCE_DATA_DIR"]})
}

// rehearse has a data plane follow the orders of `credence drill`.
func (d *deployment) rehearse(w *work) ([]extauthz.Part, error) {
	down := make(map[drill.Kind]func(bool))
	down[drill.KindStore] = d.data.Drill
	if d.redis != nil {
		down[drill.KindRedis] = d.noRedis.Store
	}
	officer, err := drill.NewOfficer(drill.OfficerOptions{
		Folder: d.config.DataDir, Ceiling: d.config.Ceiling, Down: down, Now: time.Now, Logger: d.logger,
	})
	if err != nil {
		return nil, err
	}
	for _, kind := range []drill.Kind{drill.KindStore, drill.KindRedis} {
		d.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "credence_drill_active", Help: "1 while an outage of this kind is rehearsed.",
			ConstLabels: prometheus.Labels{"kind": string(kind)},
		}, func() float64 {
			if officer.Active() == kind {
				return 1
			}
			return 0
		}))
	}
	w.back.Go(func() error { return officer.Run(w.lasting) })
	return []extauthz.Part{{Name: "drill", Check: func() error { return nil }, Note: officer.Note}}, nil
}
