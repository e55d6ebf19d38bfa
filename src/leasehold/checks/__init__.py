"""What ``leasehold doctor`` looks at: a deployment, from this machine, for the role that this machine plays."""
