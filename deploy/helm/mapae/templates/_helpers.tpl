{{- define "mapae.name" -}}{{ .Release.Name | trunc 50 | trimSuffix "-" }}{{- end }}
{{- define "mapae.labels" -}}
app.kubernetes.io/name: mapae
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}
{{- define "mapae.selector" -}}
app.kubernetes.io/name: mapae
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}
