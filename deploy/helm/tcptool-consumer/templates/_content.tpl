{{- /* For pods of other charts, of what deploy/kubernetes/fleet/job/consumer.yaml does. Each
       takes a dict with the chart's own scope as `context`; ../example-consumer has all three. */ -}}

{{- /* A list of one init container, which ends well once the node has the content, whose name
       appears with the whole alone, and it is what it should be. It runs as the user of the
       fleet's nodes, whose files are open to nobody else.
       `file`: the path below the directory that the nodes receive into.
       `sha256`: of the content, as sha256sum prints it.
       `name`: of the container, where a pod waits for several; default: wait.
       `image`: with a shell and sha256sum; default: busybox. */ -}}
{{- define "tcptool.waitForContent" -}}
{{- $pod := include "tcptool.consumerPod" . | fromYaml }}
{{- $file := .file | default "" | toString }}
{{- if or (not $file) (regexMatch "^/|(^|/)[.][.](/|$)" $file) }}
{{- fail (printf "tcptool.waitForContent: file: %q is no path below the nodes' directory, as in model.bin" $file) }}
{{- end }}
{{- $sha256 := .sha256 | default "" | toString | lower }}
{{- if not (regexMatch "^[0-9a-f]{64}$" $sha256) }}
{{- fail (printf "tcptool.waitForContent: sha256: %q is not 64 hexadecimal digits, as sha256sum prints them" $sha256) }}
{{- end }}
{{- $container := first $pod.initContainers }}
{{- with .name }}{{ $_ := set $container "name" . }}{{ end }}
{{- with .image }}{{ $_ := set $container "image" . }}{{ end }}
{{- $directory := (first $container.volumeMounts).mountPath }}
{{- $values := dict "FILE" (printf "%s/%s" $directory $file) "SHA256" $sha256 }}
{{- range $container.env }}{{ $_ := set . "value" (get $values .name) }}{{ end }}
{{- $user := pick $pod.securityContext "runAsNonRoot" "runAsUser" "runAsGroup" "seccompProfile" }}
{{- $_ := set $container "securityContext" (merge $user $container.securityContext) }}
{{- toYaml (list $container) }}
{{- end }}

{{- /* A list of one volume: the node's directory with what it has received.
       `directory`: default: that of deploy/kubernetes/fleet. */ -}}
{{- define "tcptool.contentVolume" -}}
{{- $volumes := (include "tcptool.consumerPod" . | fromYaml).volumes }}
{{- with .directory }}{{ $_ := set (first $volumes).hostPath "path" . }}{{ end }}
{{- toYaml $volumes }}
{{- end }}

{{- /* A list of one mount of that volume, for a container of yours, which has to run as the
       user 65532, or in the group 65532, to read what is there. */ -}}
{{- define "tcptool.contentMount" -}}
{{- $container := first (include "tcptool.consumerPod" . | fromYaml).containers }}
{{- toYaml $container.volumeMounts }}
{{- end }}

{{- define "tcptool.consumerPod" }}
{{- $library := dict }}
{{- with .context }}{{ with .Subcharts }}{{ $library = index . "tcptool-consumer" }}{{ end }}{{ end }}
{{- if not $library }}
{{- fail "tcptool-consumer: context: give the scope of a chart that depends on it: (dict \"context\" $ ...)" }}
{{- end }}
{{- toYaml ($library.Files.Get "files/consumer.yaml" | fromYaml).spec.template.spec }}
{{- end }}
