package population

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"
)

func TestADeploymentIsCompleteOnlyWhenItsLastChangeIsCarriedOut(t *testing.T) {
	two := int32(2)
	d := appsv1.Deployment{Spec: appsv1.DeploymentSpec{Replicas: &two}}
	d.Generation, d.Status.ObservedGeneration, d.Status.AvailableReplicas = 3, 3, 2
	if err := complete(d); err != nil {
		t.Error(err)
	}
	d.Status.AvailableReplicas = 1
	if complete(d) == nil {
		t.Error("one of two pods was enough")
	}
	d.Status.AvailableReplicas, d.Status.ObservedGeneration = 2, 2
	if complete(d) == nil {
		t.Error("the pods of the generation before were enough")
	}
}
