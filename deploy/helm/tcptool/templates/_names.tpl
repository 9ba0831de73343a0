{{- /* What the objects' names begin with; the base's is "tcptoold". */ -}}
{{- define "tcptool.fullname" -}}
{{- .Values.fullnameOverride | default (printf "%s-tcptoold" (.Release.Name | trunc 40 | trimSuffix "-")) }}
{{- end }}

{{- /* Of the programs. */ -}}
{{- define "tcptool.image" -}}
{{- printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) }}
{{- end }}

{{- /* The secret with the certificate of the control API; empty: it has none. */ -}}
{{- define "tcptool.tlsSecret" -}}
{{- if .Values.tls.secretName }}
{{- .Values.tls.secretName }}
{{- else if .Values.fleet.enabled }}
{{- include "tcptool.fullname" . }}-tls
{{- end }}
{{- end }}

{{- /* Gives an object of the base, `.object`, the names and the labels of this release.
       `.named`: it has the names already. */ -}}
{{- define "tcptool.adopt" }}
{{- $object := .object }}
{{- $fullname := include "tcptool.fullname" .root }}
{{- $instance := dict "app.kubernetes.io/instance" .root.Release.Name }}
{{- $metadata := $object.metadata }}
{{- if not .named }}{{ $_ := set $metadata "name" (printf "%s%s" $fullname (trimPrefix "tcptoold" $metadata.name)) }}{{ end }}
{{- $_ := set $metadata "labels" (merge (dict) $instance ($metadata.labels | default dict) (dict "app.kubernetes.io/name" "tcptool") (.root.Values.commonLabels | default dict)) }}
{{- if eq $object.kind "Service" }}
{{- $_ := set $object.spec "selector" (merge $object.spec.selector $instance) }}
{{- else if hasKey ($object.spec | default dict) "selector" }}
{{- $_ := set $object.spec.selector "matchLabels" (merge $object.spec.selector.matchLabels $instance) }}
{{- else if hasKey ($object.spec | default dict) "podSelector" }}
{{- $_ := set $object.spec.podSelector "matchLabels" (merge $object.spec.podSelector.matchLabels $instance) }}
{{- end }}
{{- end }}
