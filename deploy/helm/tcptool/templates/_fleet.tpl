{{- /* The files of the fleet's objects, as JSON. */ -}}
{{- define "tcptool.fleetFiles" }}
{{- $files := list "base/serviceaccount" "fleet/certificates/certificate" "fleet/certificates/service-control" }}
{{- if not .Values.fleet.etcd.endpoints }}
{{- $files = concat $files (list "fleet/etcd/statefulset" "fleet/etcd/service" "fleet/etcd/certificates") }}
{{- if .Values.networkPolicy.enabled }}{{ $files = append $files "fleet/etcd/networkpolicy" }}{{ end }}
{{- if .Values.podDisruptionBudget.enabled }}{{ $files = append $files "fleet/etcd/poddisruptionbudget" }}{{ end }}
{{- end }}
{{- if .Values.fleet.rackLabel }}{{ $files = append $files "rack/role" }}{{ end }}
{{- toJson $files }}
{{- end }}

{{- /* Makes the fleet's DaemonSet of the base's StatefulSet, `.object`, which has the values
       already: as overlays/hostnetwork and fleet/nodes change it, by their own files. `.rack`:
       one of fleet.racks, or null. */ -}}
{{- define "tcptool.daemonset" }}
{{- $root := .root }}
{{- $fleet := $root.Values.fleet }}
{{- $fullname := include "tcptool.fullname" $root }}
{{- $object := .object }}
{{- $host := dict }}
{{- range $root.Files.Get "files/hostnetwork/daemonset.yaml" | fromYamlArray }}{{ $_ := set $host .path .value }}{{ end }}
{{- $_ := set $object "kind" "DaemonSet" }}
{{- range $key := list "replicas" "serviceName" "volumeClaimTemplates" }}{{ $_ := unset $object.spec $key }}{{ end }}
{{- $_ := set $object.spec "updateStrategy" (get $host "/spec/updateStrategy") }}

{{- $patch := (include "tcptool.fleetFile" (dict "root" $root "name" "fleet/nodes/fleet") | fromYaml).spec.template.spec }}
{{- $change := first $patch.containers }}
{{- $pod := $object.spec.template.spec }}
{{- $container := first $pod.containers }}
{{- $_ := set $pod "hostNetwork" true }}
{{- $_ := set $pod "dnsPolicy" $patch.dnsPolicy }}
{{- $_ := set $container "ports" (concat $container.ports $change.ports) }}
{{- if not $root.Values.resources }}{{ $_ := set $container "resources" (merge (dict) $change.resources $container.resources) }}{{ end }}
{{- range $probe := list "startupProbe" "livenessProbe" "readinessProbe" }}
{{- $_ := set (get $container $probe).httpGet "host" (get $host (printf "/spec/template/spec/containers/0/%s/httpGet/host" $probe)) }}
{{- end }}

{{- $args := $container.args }}
{{- range $root.Files.Get "files/fleet/nodes/arguments.yaml" | fromYamlArray }}
{{- /* Operators are in tls.certRoles. */}}
{{- if ne .value "--cert-role=cn:operator=operator" }}{{ $args = append $args .value }}{{ end }}
{{- end }}
{{- if $fleet.nodeNames }}{{ $args = append $args "--peer-data-tls" }}{{ end }}
{{- $_ := set $container "args" $args }}

{{- $env := list }}
{{- $closed := list }}
{{- if not $root.Values.monitoring.enabled }}{{ $closed = list "TCPTOOLD_HTTP_ADDRESS" }}{{ end }}
{{- range $container.env }}{{ if not (has .name $closed) }}{{ $env = append $env . }}{{ end }}{{ end }}
{{- range get $host "/spec/template/spec/containers/0/env" }}{{ if has .name $closed }}{{ $env = append $env . }}{{ end }}{{ end }}
{{- range $change.env }}
{{- if eq .name "TCPTOOLD_FLEET" }}{{ $_ := set . "value" $fleet.name }}{{ end }}
{{- if and (eq .name "TCPTOOLD_ETCD") $fleet.etcd.endpoints }}{{ $_ := set . "value" (join "," $fleet.etcd.endpoints) }}{{ end }}
{{- /* tokens.secretName has made an argument of it. */}}
{{- if not (or (hasKey . "$patch") (eq .name "TCPTOOLD_TOKEN_FILE")) }}{{ $env = append $env . }}{{ end }}
{{- end }}
{{- $_ := set $container "env" $env }}

{{- $mounts := $container.volumeMounts }}
{{- range $change.volumeMounts }}{{ if ne .name "tokens" }}{{ $mounts = append $mounts . }}{{ end }}{{ end }}
{{- $_ := set $container "volumeMounts" $mounts }}
{{- $volumes := concat $pod.volumes (get $host "/spec/template/spec/volumes") }}
{{- range $patch.volumes }}
{{- if and (eq .name "etcd-tls") $fleet.etcd.secretName }}{{ $_ := set .secret "secretName" $fleet.etcd.secretName }}{{ end }}
{{- if ne .name "tokens" }}{{ $volumes = append $volumes . }}{{ end }}
{{- end }}
{{- $_ := set $pod "volumes" $volumes }}

{{- if $fleet.rackLabel }}{{ include "tcptool.rackLabel" (dict "root" $root "pod" $pod) }}{{ end }}

{{- with .rack }}
{{- $labels := dict "tcptool/rack" .name }}
{{- $_ := set $object.metadata "name" (printf "%s-%s" $fullname .name) }}
{{- $_ := set $object.spec.selector "matchLabels" (merge $labels $object.spec.selector.matchLabels) }}
{{- $metadata := $object.spec.template.metadata }}
{{- $_ := set $metadata "labels" (merge (dict "topology.kubernetes.io/zone" .name) $labels $metadata.labels) }}
{{- $_ := set $pod "nodeSelector" (merge (dict) .nodeSelector ($root.Values.nodeSelector | default dict)) }}
{{- end }}
{{- end }}

{{- /* Has the DaemonSet's pod, `.pod`, take its rack from its node's label, as components/rack
       does by its own file. */ -}}
{{- define "tcptool.rackLabel" }}
{{- $fleet := .root.Values.fleet }}
{{- $pod := .pod }}
{{- $patch := (.root.Files.Get "files/rack/rack.yaml" | fromYaml).spec.template.spec }}
{{- $init := first $patch.initContainers }}
{{- $_ := set $init "image" $fleet.rackImage }}
{{- range $init.env }}{{ if eq .name "LABEL" }}{{ $_ := set . "value" $fleet.rackLabel }}{{ end }}{{ end }}
{{- $_ := set $pod "initContainers" $patch.initContainers }}
{{- $_ := set $pod "volumes" (concat $pod.volumes $patch.volumes) }}
{{- $container := first $pod.containers }}
{{- $change := first $patch.containers }}
{{- $_ := set $container "volumeMounts" (concat $container.volumeMounts $change.volumeMounts) }}
{{- $env := list }}
{{- range $container.env }}{{ if ne .name "TCPTOOLD_RACK" }}{{ $env = append $env . }}{{ end }}{{ end }}
{{- range $change.env }}{{ if not (hasKey . "$patch") }}{{ $env = append $env . }}{{ end }}{{ end }}
{{- $_ := set $container "env" $env }}
{{- end }}

{{- /* The text of one of the fleet's files, with the release's name for etcd. */ -}}
{{- define "tcptool.fleetFile" }}
{{- .root.Files.Get (printf "files/%s.yaml" .name) | replace "tcptoold-etcd" (printf "%s-etcd" (include "tcptool.fullname" .root)) }}
{{- end }}

{{- /* Puts one of fleet.distributions, `.distribution`, into the Job of fleet/job, `.object`; or
       has the policy of that reach all of them. */ -}}
{{- define "tcptool.distribution" }}
{{- $values := .root.Values }}
{{- $fullname := include "tcptool.fullname" .root }}
{{- $object := .object }}
{{- $_ := set $object.metadata "name" (printf "%s-%s" $fullname (.distribution | default (dict "id" "distribute")).id) }}
{{- with .distribution }}
{{- if gt (len $object.metadata.name) 63 }}
{{- fail (printf "fleet.distributions: %s, the name of a Job, has more than 63 characters" $object.metadata.name) }}
{{- end }}
{{- /* It would be made again by an upgrade, and would find its distribution there. */}}
{{- $_ := unset $object.spec "ttlSecondsAfterFinished" }}
{{- $metadata := $object.spec.template.metadata }}
{{- $_ := set $metadata "labels" (merge (dict "app.kubernetes.io/instance" $.root.Release.Name) $metadata.labels) }}
{{- $pod := $object.spec.template.spec }}
{{- with $values.imagePullSecrets }}{{ $_ := set $pod "imagePullSecrets" . }}{{ end }}
{{- $container := first $pod.containers }}
{{- $_ := set $container "image" (include "tcptool.image" $.root) }}
{{- $_ := set $container "imagePullPolicy" ($values.image.pullPolicy | default "IfNotPresent") }}
{{- $set := dict "--file" (list .file) "--to" .to "--as" (list .as) "--distribution-id" (list .id) "--request-id" (list .id) }}
{{- $args := list }}
{{- range $container.args }}
{{- $option := regexFind "^[^=]*" . }}
{{- if hasKey $set $option }}
{{- range get $set $option }}{{ $args = append $args (printf "%s=%s" $option .) }}{{ end }}
{{- else }}{{ $args = append $args . }}
{{- end }}
{{- end }}
{{- $_ := set $container "args" (concat $args (.options | default list)) }}
{{- range $container.env }}{{ if eq .name "TCPTOOL_SERVER" }}{{ $_ := set . "value" (printf "%s:9875" $fullname) }}{{ end }}{{ end }}
{{- $secrets := dict "ca" (include "tcptool.tlsSecret" $.root) "token" $values.fleet.operatorTokenSecretName }}
{{- range $pod.volumes }}{{ $_ := set .secret "secretName" (get $secrets .name) }}{{ end }}
{{- end }}
{{- end }}

{{- /* Puts the values into the other objects of the fleet, `.object`. */ -}}
{{- define "tcptool.fleetObject" }}
{{- $values := .root.Values }}
{{- $fullname := include "tcptool.fullname" .root }}
{{- $object := .object }}
{{- if and (eq $object.kind "Certificate") (eq $object.metadata.name $fullname) }}
{{- $_ := set $object.spec "secretName" (include "tcptool.tlsSecret" .root) }}
{{- $_ := set $object.spec.issuerRef "name" $values.fleet.issuerName }}
{{- $_ := set $object.spec "dnsNames" (concat (list $fullname) ($values.fleet.nodeNames | default list)) }}
{{- $_ := set $object.spec "ipAddresses" $values.fleet.addresses }}
{{- else if hasPrefix "ClusterRole" $object.kind }}
{{- /* Of the cluster, where other namespaces have releases of the same name. */}}
{{- $name := printf "%s-%s-rack" .root.Release.Namespace $fullname }}
{{- $_ := set $object.metadata "name" $name }}
{{- if eq $object.kind "ClusterRoleBinding" }}
{{- $_ := set $object.roleRef "name" $name }}
{{- $subject := first $object.subjects }}
{{- $_ := set $subject "name" $fullname }}
{{- $_ := set $subject "namespace" .root.Release.Namespace }}
{{- end }}
{{- else if eq $object.kind "StatefulSet" }}
{{- $instance := dict "app.kubernetes.io/instance" .root.Release.Name }}
{{- $metadata := $object.spec.template.metadata }}
{{- $_ := set $metadata "labels" (merge (dict) $metadata.labels $instance) }}
{{- with $values.imagePullSecrets }}{{ $_ := set $object.spec.template.spec "imagePullSecrets" . }}{{ end }}
{{- $_ := set (first $object.spec.template.spec.containers) "image" $values.fleet.etcd.image }}
{{- $claim := (first $object.spec.volumeClaimTemplates).spec }}
{{- $_ := set $claim.resources.requests "storage" $values.fleet.etcd.size }}
{{- with $values.fleet.etcd.storageClassName }}{{ $_ := set $claim "storageClassName" . }}{{ end }}
{{- end }}
{{- end }}
