{{- define "countersign.name" -}}
{{ .Release.Name | trunc 40 | trimSuffix "-" }}
{{- end }}

{{- define "countersign.labels" -}}
app.kubernetes.io/name: countersign
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "countersign.selector" -}}
app.kubernetes.io/name: countersign
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "countersign.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end }}

{{/* Settings of every pod: no privileges, and no access to the API of the cluster. */}}
{{- define "countersign.pod" -}}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{ toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile: {type: RuntimeDefault}
volumes:
  - name: data
    emptyDir: {}
  - name: tmp
    emptyDir: {}
  - name: secrets
    secret:
      secretName: {{ .Values.existingSecret }}
      defaultMode: 0440
{{- with .Values.nodeSelector }}
nodeSelector: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity: {{ toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Settings of every container. Secrets are read from files. */}}
{{- define "countersign.container" -}}
image: {{ include "countersign.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
env:
  - {name: PUBLIC_URL, value: {{ .Values.publicUrl | quote }}}
  - {name: VAR_DIR, value: /data}
  - {name: PORT, value: "8000"}
  - {name: WEB_WORKERS, value: {{ .Values.web.processes | quote }}}
  - {name: TRUSTED_PROXIES, value: {{ .Values.trustedProxies | quote }}}
  - {name: METRICS_ALLOWED, value: {{ .Values.metricsAllowed | quote }}}
  - {name: SECRET_KEY_FILE, value: /run/secrets/countersign/secret_key}
  - {name: FIELD_ENCRYPTION_KEYS_FILE, value: /run/secrets/countersign/field_encryption_keys}
  - {name: DATABASE_URL_FILE, value: /run/secrets/countersign/database_url}
  {{- if .Values.brokerUrlInSecret }}
  - {name: BROKER_URL_FILE, value: /run/secrets/countersign/broker_url}
  {{- else }}
  - {name: BROKER_URL, value: {{ .Values.brokerUrl | quote }}}
  {{- end }}
  {{- range $name, $key := .Values.secretFiles }}
  - {name: {{ $name }}_FILE, value: /run/secrets/countersign/{{ $key }}}
  {{- end }}
  {{- range $name, $value := .Values.environment }}
  - {name: {{ $name }}, value: {{ $value | quote }}}
  {{- end }}
volumeMounts:
  - {name: data, mountPath: /data}
  - {name: tmp, mountPath: /tmp}
  - {name: secrets, mountPath: /run/secrets/countersign, readOnly: true}
{{- end }}
