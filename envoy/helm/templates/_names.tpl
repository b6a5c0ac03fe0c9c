{{/* The name of a component's objects: RELEASE-COMPONENT, or
     RELEASE-credence-COMPONENT when the release is called something else. */}}
{{- define "credence.name" -}}
{{- $release := .root.Release.Name -}}
{{- $base := ternary $release (printf "%s-credence" $release) (contains "credence" $release) -}}
{{- printf "%s-%s" ($base | trunc 40 | trimSuffix "-") .component -}}
{{- end }}

{{/* What selects the pods of a component. */}}
{{- define "credence.selector" -}}
app.kubernetes.io/name: credence
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "credence.labels" -}}
{{ include "credence.selector" . }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end }}

{{- define "credence.image" -}}
{{- $repository := required "image.repository is empty: name the image that you built from the Dockerfile" .Values.image.repository -}}
{{- $tag := required "image.tag is empty: name the tag of your image" .Values.image.tag -}}
{{- printf "%s:%s" $repository (toString $tag) -}}
{{- end }}
