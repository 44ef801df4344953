output "next_steps" {
  description = "What to do now."
  value       = module.sluice.next_steps
}

output "environment" {
  description = "Variables that set Sluice's command line to this deployment, as shell commands."
  value       = module.sluice.environment
}
