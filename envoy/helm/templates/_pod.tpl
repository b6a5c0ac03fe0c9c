{{/* What every pod has: no rights in Kubernetes, no root. */}}
{{- define "credence.podBase" -}}
serviceAccountName: {{ include "credence.name" . }}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets:
{{- range . }}
- name: {{ . }}
{{- end }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  # Through this group the process reads the files of the Secrets.
  fsGroup: 65532
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: { type: RuntimeDefault }
{{- end }}

{{- define "credence.containerBase" -}}
image: {{ include "credence.image" .root | quote }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: { drop: [ALL] }
{{- end }}

{{/* The database's address, from the Secret given as .secret. */}}
{{- define "credence.store" -}}
- name: CREDENCE_STORE
  valueFrom:
    secretKeyRef: { name: {{ .secret }}, key: url }
# The database without its pooler, where there is one.
- name: CREDENCE_STORE_SESSION_URL
  valueFrom:
    secretKeyRef: { name: {{ .secret }}, key: session-url, optional: true }
{{- end }}

{{- define "credence.probes" -}}
startupProbe:
  httpGet: { path: /healthz, port: status }
  periodSeconds: 2
  failureThreshold: 60
livenessProbe:
  httpGet: { path: /healthz, port: status }
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  httpGet: { path: /readyz, port: status }
  periodSeconds: {{ .readyPeriod }}
  timeoutSeconds: 2
  failureThreshold: 2
{{- end }}

{{/* A Secret as files that the process accepts: others than owner and group
     may not read them. */}}
{{- define "credence.secretVolume" -}}
- name: {{ .name }}
  secret: { secretName: {{ .secret }}, defaultMode: 0440 }
{{- end }}

{{- define "credence.dataVolume" -}}
- name: data
  emptyDir: { medium: Memory, sizeLimit: {{ .dataSize }} }
{{- end }}

{{/* Redis, from the Secret of that name where there is one. */}}
{{- define "credence.redis" -}}
- name: CREDENCE_REDIS
  valueFrom:
    secretKeyRef: { name: {{ .redis }}, key: url, optional: true }
{{- end }}

{{- define "credence.placement" -}}
{{- with .nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations: {{- toYaml . | nindent 0 }}
{{- end }}
{{- with .affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
