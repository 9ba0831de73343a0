{{- /* What values.schema.json cannot say: ends the rendering with what is wrong. */ -}}
{{- define "tcptool.checks" }}
{{- $first := int .Values.dataPorts.first }}
{{- $last := int .Values.dataPorts.last }}
{{- if lt $last $first }}
{{- fail (printf "dataPorts: last (%d) is below first (%d)" $last $first) }}
{{- end }}
{{- if ge (sub $last $first) 100 }}
{{- fail (printf "dataPorts: %d to %d are more than 100 ports; each is a port of a Service" $first $last) }}
{{- end }}
{{- range $port, $name := dict "9874" "HTTP" "9875" "the control API" }}
{{- if and (le $first (int $port)) (ge $last (int $port)) }}
{{- fail (printf "dataPorts: %d to %d include %s, the port of %s" $first $last $port $name) }}
{{- end }}
{{- end }}
{{- if and .Values.tokens.secretName (not .Values.tls.secretName) }}
{{- fail "tokens.secretName: tokens would be sent in clear text; set tls.secretName too" }}
{{- end }}
{{- /* With which value to set what the chart sets. */}}
{{- $owned := dict
      "--control-address" "it is always [::]:9875"
      "--insecure-control" "tls.secretName decides"
      "--http-address" "it is always [::]:9874"
      "--data-ports" "use dataPorts"
      "--data-address" "it is always ::"
      "--state" "it is on the volume for state"
      "--drain-timeout" "use drainTimeoutSeconds"
      "--lanes" "use lanes"
      "--max-upload-bytes" "use maxUploadBytes"
      "--tls-cert" "use tls.secretName"
      "--tls-key" "use tls.secretName"
      "--tls-client-ca" "use tls.secretName"
      "--cert-role" "use tls.certRoles"
      "--token-file" "use tokens.secretName" }}
{{- range .Values.extraArgs }}
{{- $option := regexFind "^[^=]*" . }}
{{- with get $owned $option }}
{{- fail (printf "extraArgs: %s is set by the chart; %s" $option .) }}
{{- end }}
{{- end }}
{{- end }}
