variable "kms_key_arn" {
  description = "Key of the objects; null for S3's own keys, which a bucket of access logs must have."
  type        = string
  default     = null
}

variable "noncurrent_days" {
  description = "Days after which a version that was replaced or deleted is gone."
  type        = number
  default     = 30

  validation {
    condition     = var.noncurrent_days >= 1
    error_message = "Versions are kept for at least one day."
  }
}

variable "expirations" {
  description = "Days after which objects expire, by the prefix of their key."
  type        = map(number)
  default     = {}
}

variable "transitions" {
  description = "Storage class that objects move to after a number of days, by the prefix of their key."
  type        = map(object({ days = number, storage_class = string }))
  default     = {}
}

variable "log_bucket" {
  description = "Bucket of the access logs; null for none."
  type        = string
  default     = null
}

variable "log_writers" {
  description = "Services that may write logs into the bucket, each only on behalf of these resources."
  type = list(object({
    sid     = string
    service = string
    sources = list(string)
    account = string
  }))
  default = []
}

variable "guards" {
  description = "What these principals must not do below these prefixes, whatever their own policies allow."
  type = list(object({
    sid        = string
    actions    = list(string)
    prefixes   = list(string)
    principals = list(string)
  }))
  default = []
}

variable "writers" {
  description = "Principals that may put objects below a prefix, and nothing else."
  type = list(object({
    sid        = string
    principals = list(string)
    prefix     = string
  }))
  default = []
}

variable "force_destroy" {
  description = "Whether `destroy` deletes the bucket with everything in it."
  type        = bool
  default     = false
}

variable "tags" {
  description = "Tags of the bucket."
  type        = map(string)
  default     = {}
}
