package proxy

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/intstr"

	"cutover.dev/cutover/pkg/kube"
	"cutover.dev/cutover/pkg/phase/parts"
)

var echoLabels = map[string]string{"app.kubernetes.io/name": parts.EchoName}

func echoDeployment(d Deps) (*unstructured.Unstructured, error) {
	one, no, yes := int32(1), false, true
	return kube.From(kube.Deployment, &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: d.EchoNamespace(), Name: parts.EchoName},
		Spec: appsv1.DeploymentSpec{
			Replicas: &one,
			Selector: &metav1.LabelSelector{MatchLabels: echoLabels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: echoLabels},
				Spec: corev1.PodSpec{
					AutomountServiceAccountToken: &no, // it talks to nobody
					Containers: []corev1.Container{{
						Name: "echo", Image: d.Plan.Spec.Bridge.Echo.Image, ImagePullPolicy: corev1.PullIfNotPresent,
						Args:  []string{"relay", "--listen", fmt.Sprintf(":%d", parts.EchoPort)},
						Ports: []corev1.ContainerPort{{Name: "http", ContainerPort: parts.EchoPort, Protocol: corev1.ProtocolTCP}},
						ReadinessProbe: &corev1.Probe{ProbeHandler: corev1.ProbeHandler{
							HTTPGet: &corev1.HTTPGetAction{Path: "/healthz", Port: intstr.FromInt32(parts.EchoPort)},
						}, PeriodSeconds: 2},
						SecurityContext: &corev1.SecurityContext{
							AllowPrivilegeEscalation: &no, ReadOnlyRootFilesystem: &yes,
							Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
						},
					}},
				},
			},
		},
	})
}

func echoService(d Deps) (*unstructured.Unstructured, error) {
	return kube.From(kube.Service, &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: d.EchoNamespace(), Name: parts.EchoName},
		Spec: corev1.ServiceSpec{
			Selector: echoLabels,
			Ports:    []corev1.ServicePort{{Name: "http", Port: 80, TargetPort: intstr.FromInt32(parts.EchoPort), Protocol: corev1.ProtocolTCP}},
		},
	})
}
