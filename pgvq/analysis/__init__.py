"""What runs of several learners say about each other."""
