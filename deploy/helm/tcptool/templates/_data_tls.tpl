{{- /* The secret with the certificate of the data ports; empty: there is none. */ -}}
{{- define "tcptool.dataTlsSecret" -}}
{{- if .Values.dataTls.secretName }}
{{- .Values.dataTls.secretName }}
{{- else if .Values.dataTls.issuerName }}
{{- include "tcptool.fullname" . }}-data-tls
{{- end }}
{{- end }}

{{- /* Has the pod, `.pod`, serve sessions in TLS, as components/data-tls does by its own file,
       if there is a certificate. */ -}}
{{- define "tcptool.dataTls" }}
{{- $pod := .pod }}
{{- $root := .root }}
{{- with include "tcptool.dataTlsSecret" $root }}
{{- $patch := ($root.Files.Get "files/data-tls/data-tls.yaml" | fromYaml).spec.template.spec }}
{{- $change := first $patch.containers }}
{{- $volume := first $patch.volumes }}
{{- $_ := set $volume.secret "secretName" . }}
{{- $env := $change.env }}
{{- if $root.Values.dataTls.recipientCertificates }}
{{- $directory := (first $change.volumeMounts).mountPath }}
{{- $env = append $env (dict "name" "TCPTOOLD_DATA_TLS_CLIENT_CA" "value" (printf "%s/ca.crt" $directory)) }}
{{- end }}
{{- $container := first $pod.containers }}
{{- $_ := set $container "env" (concat $container.env $env) }}
{{- $_ := set $container "volumeMounts" (concat $container.volumeMounts $change.volumeMounts) }}
{{- $_ := set $pod "volumes" (append ($pod.volumes | default list) $volume) }}
{{- end }}
{{- end }}

{{- /* Puts the values into its Certificate, `.object`. */ -}}
{{- define "tcptool.dataCertificate" }}
{{- $values := .root.Values }}
{{- $spec := .object.spec }}
{{- $_ := set $spec "secretName" (include "tcptool.dataTlsSecret" .root) }}
{{- $_ := set $spec.issuerRef "name" $values.dataTls.issuerName }}
{{- $names := $values.dataTls.dnsNames }}
{{- $addresses := $values.dataTls.ipAddresses }}
{{- if $values.fleet.enabled }}
{{- /* It has no Service of data ports: recipients connect to nodes. */}}
{{- $addresses = $addresses | default $values.fleet.addresses }}
{{- else }}
{{- $names = $names | default (list .object.metadata.name) }}
{{- end }}
{{- $_ := unset $spec "dnsNames" }}
{{- with $names }}{{ $_ := set $spec "dnsNames" . }}{{ end }}
{{- with $addresses }}{{ $_ := set $spec "ipAddresses" . }}{{ end }}
{{- end }}
