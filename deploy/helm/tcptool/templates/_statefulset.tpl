{{- /* Puts the values into the base's StatefulSet, `.object`. */ -}}
{{- define "tcptool.statefulset" }}
{{- $values := .root.Values }}
{{- $fullname := include "tcptool.fullname" .root }}
{{- $object := .object }}
{{- $_ := set $object.spec "serviceName" (printf "%s-data" $fullname) }}
{{- with $values.annotations }}{{ $_ := set $object.metadata "annotations" . }}{{ end }}

{{- $metadata := $object.spec.template.metadata }}
{{- $_ := set $metadata "labels" (merge (dict) $metadata.labels (dict "app.kubernetes.io/instance" .root.Release.Name) ($values.podLabels | default dict)) }}
{{- with $values.podAnnotations }}{{ $_ := set $metadata "annotations" . }}{{ end }}

{{- $pod := $object.spec.template.spec }}
{{- $_ := set $pod "serviceAccountName" $fullname }}
{{- range $key := list "imagePullSecrets" "nodeSelector" "tolerations" "affinity" "topologySpreadConstraints" "priorityClassName" }}
{{- with index $values $key }}{{ $_ := set $pod $key . }}{{ end }}
{{- end }}

{{- $container := first $pod.containers }}
{{- /* The pause of the preStop before the drain, and 25 s after it. */}}
{{- $_ := set $pod "terminationGracePeriodSeconds" (add (int $container.lifecycle.preStop.sleep.seconds) (int $values.drainTimeoutSeconds) 25) }}
{{- $_ := set $container "image" (include "tcptool.image" .root) }}
{{- $_ := set $container "imagePullPolicy" ($values.image.pullPolicy | default $container.imagePullPolicy) }}
{{- with $values.resources }}{{ $_ := set $container "resources" . }}{{ end }}

{{- $set := dict
      "--data-ports" (printf "%d-%d" (int $values.dataPorts.first) (int $values.dataPorts.last))
      "--drain-timeout" (printf "%ds" (int $values.drainTimeoutSeconds))
      "--lanes" (int $values.lanes | toString)
      "--max-upload-bytes" (int64 $values.maxUploadBytes | toString) }}
{{- $args := list }}
{{- range $container.args }}
{{- $option := regexFind "^[^=]*" . }}
{{- $args = append $args (hasKey $set $option | ternary (printf "%s=%s" $option (get $set $option)) .) }}
{{- end }}
{{- $env := $container.env }}
{{- $volumes := list }}

{{- with include "tcptool.tlsSecret" .root }}
{{- $directory := "/etc/tcptool/tls" }}
{{- $tls := list }}
{{- range $env }}
{{- if ne .name "TCPTOOLD_INSECURE_CONTROL" }}{{ $tls = append $tls . }}{{ end }}
{{- end }}
{{- $env = concat $tls (list
      (dict "name" "TCPTOOLD_TLS_CERT" "value" (printf "%s/tls.crt" $directory))
      (dict "name" "TCPTOOLD_TLS_KEY" "value" (printf "%s/tls.key" $directory))
      (dict "name" "TCPTOOLD_TLS_CLIENT_CA" "value" (printf "%s/ca.crt" $directory))) }}
{{- /* There may be several, and a variable has one. */}}
{{- range $values.tls.certRoles }}{{ $args = append $args (printf "--cert-role=%s" .) }}{{ end }}
{{- $_ := set $container "volumeMounts" (append $container.volumeMounts (dict "name" "tls" "mountPath" $directory "readOnly" true)) }}
{{- $volumes = append $volumes (dict "name" "tls" "secret" (dict "secretName" . "defaultMode" 0440)) }}
{{- end }}

{{- with $values.tokens.secretName }}
{{- $directory := "/etc/tcptool/tokens" }}
{{- $args = append $args (printf "--token-file=%s/%s" $directory $values.tokens.key) }}
{{- $_ := set $container "volumeMounts" (append $container.volumeMounts (dict "name" "tokens" "mountPath" $directory "readOnly" true)) }}
{{- $volumes = append $volumes (dict "name" "tokens" "secret" (dict "secretName" . "defaultMode" 0440)) }}
{{- end }}

{{- with $volumes }}{{ $_ := set $pod "volumes" . }}{{ end }}
{{- $_ := set $container "env" $env }}
{{- $_ := set $container "args" (concat $args ($values.extraArgs | default list)) }}
{{- include "tcptool.dataTls" (dict "root" .root "pod" $pod) }}

{{- range $claim := $object.spec.volumeClaimTemplates }}
{{- $value := index $values $claim.metadata.name }}
{{- $_ := set $claim.spec.resources.requests "storage" $value.size }}
{{- with $value.storageClassName }}{{ $_ := set $claim.spec "storageClassName" . }}{{ end }}
{{- end }}
{{- end }}
