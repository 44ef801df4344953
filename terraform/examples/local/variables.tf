variable "endpoint" {
  description = "URL of the local cloud."
  type        = string
  default     = "http://127.0.0.1:4566"
}

variable "name" {
  description = "What every name begins with; `sluice` is what the command line looks for by default."
  type        = string
  default     = "sluice"
}

variable "region" {
  description = "Region of the local cloud."
  type        = string
  default     = "eu-central-1"
}

variable "warehouse_credentials" {
  description = "The warehouse's secret: JSON with username and password."
  type        = string
  sensitive   = true
}

variable "deletion_protection" {
  description = "Whether nothing may be destroyed; a laptop's data is made again."
  type        = bool
  default     = false
}
