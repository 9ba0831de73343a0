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
{{- $fixed := dict "9874" "HTTP" "9875" "the control API" }}
{{- if .Values.fleet.enabled }}{{ $fixed = merge $fixed (dict "9872" "other nodes" "9873" "other nodes' content") }}{{ end }}
{{- range $port, $name := $fixed }}
{{- if and (le $first (int $port)) (ge $last (int $port)) }}
{{- fail (printf "dataPorts: %d to %d include %s, the port of %s" $first $last $port $name) }}
{{- end }}
{{- end }}
{{- if and .Values.tokens.secretName (not (include "tcptool.tlsSecret" .)) }}
{{- fail "tokens.secretName: tokens would be sent in clear text; set tls.secretName too" }}
{{- end }}
{{- $data := .Values.dataTls }}
{{- if and $data.recipientCertificates (not (include "tcptool.dataTlsSecret" .)) }}
{{- fail "dataTls.recipientCertificates: they are for sessions in TLS; set dataTls.secretName or dataTls.issuerName too" }}
{{- end }}
{{- if and (or $data.dnsNames $data.ipAddresses) (not $data.issuerName) }}
{{- fail "dataTls: dnsNames and ipAddresses are of a certificate that cert-manager makes; set dataTls.issuerName too" }}
{{- end }}
{{- if .Values.fleet.enabled }}
{{- if not .Values.fleet.addresses }}
{{- fail "fleet.addresses: name the addresses of all nodes, which their certificate is to be good for" }}
{{- end }}
{{- if ne (empty .Values.fleet.etcd.endpoints) (empty .Values.fleet.etcd.secretName) }}
{{- fail "fleet.etcd: endpoints and secretName go together" }}
{{- end }}
{{- if and .Values.fleet.distributions (not .Values.tokens.secretName) }}
{{- fail "fleet.distributions: their Jobs have a token; set tokens.secretName too" }}
{{- end }}
{{- if and .Values.fleet.racks .Values.fleet.rackLabel }}
{{- fail "fleet: racks or rackLabel, not both" }}
{{- end }}
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
      "--token-file" "use tokens.secretName"
      "--data-tls-cert" "use dataTls"
      "--data-tls-key" "use dataTls"
      "--data-tls-client-ca" "use dataTls.recipientCertificates" }}
{{- if .Values.fleet.enabled }}
{{- $owned = merge $owned (dict
      "--fleet" "use fleet.name"
      "--node" "it is that of the Kubernetes node"
      "--rack" "use fleet.racks or fleet.rackLabel"
      "--etcd" "use fleet.etcd.endpoints"
      "--etcd-tls-ca" "use fleet.etcd.secretName"
      "--etcd-tls-cert" "use fleet.etcd.secretName"
      "--etcd-tls-key" "use fleet.etcd.secretName"
      "--peer-address" "it is the node's, port 9872"
      "--peer-data-port" "it is always 9873"
      "--peer-data-tls" "use fleet.nodeNames"
      "--peer-ca" "use fleet.issuerName"
      "--max-running-receptions" "it is always 8") }}
{{- end }}
{{- if and .Values.fleet.enabled .Values.fleet.rackLabel }}
{{- $owned = merge $owned (dict "--config" "it has the rack") }}
{{- end }}
{{- range .Values.extraArgs }}
{{- $option := regexFind "^[^=]*" . }}
{{- with get $owned $option }}
{{- fail (printf "extraArgs: %s is set by the chart; %s" $option .) }}
{{- end }}
{{- end }}
{{- end }}
