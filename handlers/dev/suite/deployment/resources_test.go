package deployment

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"guestlist/handlers/dev/suite/deployment/bicep"
)

// resourceTypes holds what the templates may write into resources, by the types that Microsoft publishes for the compiler
// (github.com/Azure/bicep-types-az of 20 August 2026, github.com/microsoftgraph/msgraph-bicep-types v1.0.0). A property is a path: [] goes
// into a list, * is any name. What is behind it is its kind, if it is no string, or the values that are taken (of a long list, those of use
// here); ! says that it can't be left out. Whoever writes another property looks it up there first, since nothing here would tell that it
// does not exist.
var resourceTypes = map[string]string{
	"Microsoft.Authorization/locks@2020-05-01": `properties.level=NotSpecified|CanNotDelete|ReadOnly! properties.notes`,
	"Microsoft.Authorization/roleAssignments@2022-04-01": `
		properties.principalId! properties.principalType=User|Group|ServicePrincipal|ForeignGroup|Device|AgentUser|AgentServicePrincipal
		properties.roleDefinitionId!`,
	"Microsoft.Graph/appRoleAssignedTo@v1.0": `appRoleId! principalId! resourceId!`,
	"Microsoft.Insights/actionGroups@2023-01-01": `
		location! properties.emailReceivers[].emailAddress! properties.emailReceivers[].name!
		properties.emailReceivers[].useCommonAlertSchema:bool properties.enabled:bool! properties.groupShortName!`,
	"Microsoft.Insights/components@2020-02-02": `
		kind! location! properties.Application_Type=web|other! properties.DisableIpMasking:bool properties.DisableLocalAuth:bool
		properties.WorkspaceResourceId properties.publicNetworkAccessForIngestion=Enabled|Disabled
		properties.publicNetworkAccessForQuery=Enabled|Disabled`,
	"Microsoft.Insights/diagnosticSettings@2021-05-01-preview": `
		properties.logAnalyticsDestinationType properties.logs[].category properties.logs[].enabled:bool! properties.metrics[].category
		properties.metrics[].enabled:bool! properties.workspaceId`,
	"Microsoft.Insights/scheduledQueryRules@2026-03-01": `
		kind=LogAlert|SimpleLogAlert|LogToMetric location! properties.actions.actionGroups properties.actions.actionGroups[]
		properties.autoMitigate:bool properties.criteria.allOf[].failingPeriods.minFailingPeriodsToAlert:int
		properties.criteria.allOf[].failingPeriods.numberOfEvaluationPeriods:int
		properties.criteria.allOf[].operator=Equals|GreaterThan|GreaterThanOrEqual|LessThan|LessThanOrEqual|GreaterOrLessThan
		properties.criteria.allOf[].query properties.criteria.allOf[].threshold:int
		properties.criteria.allOf[].timeAggregation=Count|Average|Minimum|Maximum|Total properties.description properties.displayName
		properties.enabled:bool properties.evaluationFrequency properties.scopes[] properties.severity:int
		properties.skipQueryValidation:bool properties.windowSize`,
	"Microsoft.Insights/workbooks@2023-06-01": `
		kind=shared location! properties.category! properties.displayName! properties.serializedData! properties.sourceId properties.version`,
	"Microsoft.KeyVault/vaults/secrets@2026-02-01": `properties.contentType properties.value`,
	"Microsoft.KeyVault/vaults@2026-02-01": `
		location! properties.enablePurgeProtection:bool properties.enableRbacAuthorization:bool properties.enableSoftDelete:bool
		properties.enabledForDeployment:bool properties.enabledForDiskEncryption:bool properties.enabledForTemplateDeployment:bool
		properties.networkAcls.bypass=AzureServices|None properties.networkAcls.defaultAction=Allow|Deny properties.publicNetworkAccess
		properties.sku.family=A! properties.sku.name=standard|premium! properties.softDeleteRetentionInDays:int properties.tenantId!`,
	"Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30": `location!`,
	"Microsoft.Network/networkSecurityGroups@2025-09-01": `
		location properties.securityRules[].name properties.securityRules[].properties.access=Allow|Deny!
		properties.securityRules[].properties.destinationAddressPrefix properties.securityRules[].properties.destinationPortRange
		properties.securityRules[].properties.direction=Inbound|Outbound! properties.securityRules[].properties.priority:int!
		properties.securityRules[].properties.protocol=Tcp|Udp|Icmp|Esp|*|Ah! properties.securityRules[].properties.sourceAddressPrefix
		properties.securityRules[].properties.sourcePortRange`,
	"Microsoft.Network/privateDnsZones/virtualNetworkLinks@2024-06-01": `
		location properties.registrationEnabled:bool properties.virtualNetwork.id`,
	"Microsoft.Network/privateDnsZones@2024-06-01": `location`,
	"Microsoft.Network/privateEndpoints/privateDnsZoneGroups@2025-09-01": `
		properties.privateDnsZoneConfigs[].name properties.privateDnsZoneConfigs[].properties.privateDnsZoneId`,
	"Microsoft.Network/privateEndpoints@2025-09-01": `
		location properties.customNetworkInterfaceName properties.privateLinkServiceConnections[].name
		properties.privateLinkServiceConnections[].properties.groupIds[]
		properties.privateLinkServiceConnections[].properties.privateLinkServiceId properties.subnet.id`,
	"Microsoft.Network/virtualNetworks@2025-09-01": `
		location properties.addressSpace.addressPrefixes[] properties.subnets[].name properties.subnets[].properties.addressPrefix
		properties.subnets[].properties.defaultOutboundAccess:bool properties.subnets[].properties.delegations[].name
		properties.subnets[].properties.delegations[].properties.serviceName properties.subnets[].properties.networkSecurityGroup.id
		properties.subnets[].properties.privateEndpointNetworkPolicies=Enabled|Disabled|NetworkSecurityGroupEnabled|RouteTableEnabled`,
	"Microsoft.OperationalInsights/workspaces@2026-03-01": `
		location! properties.features.disableLocalAuth:bool properties.features.enableLogAccessUsingOnlyResourcePermissions:bool
		properties.publicNetworkAccessForIngestion=Enabled|Disabled|SecuredByPerimeter
		properties.publicNetworkAccessForQuery=Enabled|Disabled|SecuredByPerimeter properties.retentionInDays:int
		properties.sku.name=Free|Standard|Premium|PerNode|PerGB2018|Standalone|CapacityReservation|LACluster!
		properties.workspaceCapping.dailyQuotaGb:int`,
	"Microsoft.Resources/resourceGroups@2025-04-01":                        `location!`,
	"Microsoft.Storage/storageAccounts/blobServices/containers@2026-04-01": `properties.publicAccess=Container|Blob|None`,
	"Microsoft.Storage/storageAccounts/blobServices@2026-04-01": `
		properties.containerDeleteRetentionPolicy.days:int properties.containerDeleteRetentionPolicy.enabled:bool
		properties.deleteRetentionPolicy.days:int properties.deleteRetentionPolicy.enabled:bool`,
	"Microsoft.Storage/storageAccounts@2026-04-01": `
		kind=Storage|StorageV2|BlobStorage|FileStorage|BlockBlobStorage! location! properties.accessTier=Hot|Cool|Premium|Cold|Smart
		properties.allowBlobPublicAccess:bool properties.allowCrossTenantReplication:bool properties.allowSharedKeyAccess:bool
		properties.allowedCopyScope=PrivateLink|AAD|All properties.defaultToOAuthAuthentication:bool
		properties.encryption.keySource=Microsoft.Storage|Microsoft.Keyvault properties.encryption.requireInfrastructureEncryption:bool
		properties.encryption.services.blob.enabled:bool properties.encryption.services.blob.keyType=Service|Account
		properties.encryption.services.queue.enabled:bool properties.encryption.services.queue.keyType=Service|Account
		properties.encryption.services.table.enabled:bool properties.encryption.services.table.keyType=Service|Account
		properties.isLocalUserEnabled:bool properties.isSftpEnabled:bool properties.minimumTlsVersion=TLS1_0|TLS1_1|TLS1_2|TLS1_3
		properties.networkAcls.bypass=None|Logging|Metrics|AzureServices properties.networkAcls.defaultAction=Allow|Deny!
		properties.publicNetworkAccess=Enabled|Disabled|SecuredByPerimeter properties.supportsHttpsTrafficOnly:bool
		sku.name=Standard_LRS|Standard_ZRS!`,
	"Microsoft.Web/serverfarms@2025-03-01": `
		kind location! properties.reserved:bool properties.zoneRedundant:bool sku.name sku.tier`,
	"Microsoft.Web/sites/certificates@2025-03-01": `location! properties.canonicalName`,
	"Microsoft.Web/sites/config@2025-03-01":       `properties`,
	"Microsoft.Web/sites/hostNameBindings@2025-03-01": `
		properties.customHostNameDnsRecordType=CName|A properties.hostNameType=Verified|Managed properties.siteName
		properties.sslState=Disabled|SniEnabled|IpBasedEnabled properties.thumbprint`,
	"Microsoft.Web/sites@2025-03-01": `
		identity.type=None|SystemAssigned|UserAssigned kind location! properties.clientAffinityEnabled:bool
		properties.functionAppConfig.deployment.storage.authentication.type=SystemAssignedIdentity|UserAssignedIdentity|StorageAccountConnectionString
		properties.functionAppConfig.deployment.storage.authentication.userAssignedIdentityResourceId
		properties.functionAppConfig.deployment.storage.type=blobContainer properties.functionAppConfig.deployment.storage.value
		properties.functionAppConfig.runtime.name=dotnet-isolated|node|java|powershell|python|custom
		properties.functionAppConfig.runtime.version properties.functionAppConfig.scaleAndConcurrency.alwaysReady[].instanceCount:int
		properties.functionAppConfig.scaleAndConcurrency.alwaysReady[].name
		properties.functionAppConfig.scaleAndConcurrency.instanceMemoryMB:int
		properties.functionAppConfig.scaleAndConcurrency.maximumInstanceCount:int properties.httpsOnly:bool
		properties.keyVaultReferenceIdentity properties.publicNetworkAccess properties.serverFarmId properties.siteConfig.http20Enabled:bool
		properties.siteConfig.ipSecurityRestrictionsDefaultAction=Allow|Deny properties.siteConfig.ipSecurityRestrictions[].action
		properties.siteConfig.ipSecurityRestrictions[].headers.x-azure-fdid[]
		properties.siteConfig.ipSecurityRestrictions[].ipAddress properties.siteConfig.ipSecurityRestrictions[].name
		properties.siteConfig.ipSecurityRestrictions[].priority:int
		properties.siteConfig.ipSecurityRestrictions[].tag=Default|XffProxy|ServiceTag properties.siteConfig.minTlsVersion=1.0|1.1|1.2|1.3
		properties.siteConfig.scmIpSecurityRestrictionsDefaultAction=Allow|Deny properties.siteConfig.scmIpSecurityRestrictionsUseMain:bool
		properties.siteConfig.scmMinTlsVersion=1.0|1.1|1.2|1.3 properties.virtualNetworkSubnetId`,
}

// field is what may stand in one property.
type field struct {
	kind     bicep.Op // of a literal
	values   []string // if there are but these
	required bool
}

var fieldPattern = regexp.MustCompile(`^([^:=!]+)(:int|:bool)?(=[^!]+)?(!)?$`)

func fieldsOf(t *testing.T, resourceType string) map[string]field {
	t.Helper()
	fields := map[string]field{}
	for _, word := range strings.Fields(resourceTypes[resourceType]) {
		match := fieldPattern.FindStringSubmatch(word)
		if match == nil {
			t.Fatalf("%s: %q is no property", resourceType, word)
		}
		f := field{kind: map[string]bicep.Op{"": bicep.String, ":int": bicep.Number, ":bool": bicep.Bool}[match[2]], required: match[4] != ""}
		if match[3] != "" {
			f.values = strings.Split(match[3][1:], "|")
		}
		fields[match[1]] = f
	}
	return fields
}

// leaf is a value that a template gives to a property, with the name of the property as a path.
type leaf struct {
	path  string
	value *bicep.Expr
}

// leaves returns all values that may come to stand at the path, as far as the file tells.
func leaves(file *bicep.File, path string, e *bicep.Expr) []leaf {
	inside := func(name string) string { return strings.TrimPrefix(path+"."+name, ".") }
	var list []leaf
	each := func(path string, of ...*bicep.Expr) {
		for _, one := range of {
			list = append(list, leaves(file, path, one)...)
		}
	}
	switch {
	case e.Op == bicep.Object:
		for _, property := range e.Properties {
			key := property.Key
			if property.KeyExpr != nil {
				key = "*"
			}
			each(inside(key), property.Value)
		}
	case e.Op == bicep.Array:
		each(path+"[]", e.Args...)
	case e.Op == bicep.For:
		each(path+"[]", e.Args[1])
	case e.Op == bicep.Choice:
		each(path, e.Args[1:]...)
	case e.Op == bicep.Binary && e.Text == "??":
		each(path, e.Args[1])
	case e.Op == bicep.Call && e.Args[0].Text == "concat":
		each(path, e.Args[1:]...)
	case e.Op == bicep.Name && variable(file, e.Text) != nil:
		each(path, variable(file, e.Text).Value)
	case e.Op != bicep.Null:
		list = append(list, leaf{path, e})
	}
	return list
}

func variable(file *bicep.File, name string) *bicep.Declaration {
	for _, d := range file.Declarations {
		if d.Kind == bicep.Var && d.Name == name {
			return d
		}
	}
	return nil
}

// resources calls visit for every resource that a file deploys, those nested in others too, with its type and version.
func resources(file *bicep.File, visit func(d *bicep.Declaration, resourceType string)) {
	var each func(d *bicep.Declaration, outer string)
	each = func(d *bicep.Declaration, outer string) {
		resourceType := d.Target.Text
		if outer != "" {
			kind, version, _ := strings.Cut(outer, "@")
			resourceType = kind + "/" + resourceType + "@" + version
		}
		if !d.Existing {
			visit(d, resourceType)
		}
		for _, nested := range d.Body().Resources {
			each(nested, resourceType)
		}
	}
	for _, d := range file.Declarations {
		if d.Kind == bicep.Resource {
			each(d, "")
		}
	}
}

// ofTheLanguage are the properties that say how a resource is deployed, and not what it is.
var ofTheLanguage = []string{"name", "parent", "scope", "dependsOn", "tags"}

// notPublished are the properties that the types lack and that Azure takes, each where it is written behind a #disable-next-line.
var notPublished = map[string][]string{
	"Microsoft.Web/sites@2025-03-01":            {"properties.siteScopedCertificatesEnabled"},
	"Microsoft.Web/sites/extensions@2025-03-01": {"properties.packageUri", "properties.remoteBuild"},
}

func TestResourcesAreWhatTheirTypesSay(t *testing.T) {
	seen := map[string]map[string]bool{}
	for _, file := range load(t).Files() {
		resources(file, func(d *bicep.Declaration, resourceType string) {
			fields := fieldsOf(t, resourceType)
			if seen[resourceType] == nil {
				seen[resourceType] = map[string]bool{}
			}
			here := map[string]bool{"": true}
			for _, leaf := range leaves(file, "", d.Body()) {
				top, _, _ := strings.Cut(leaf.path, ".")
				if slices.Contains(ofTheLanguage, strings.TrimSuffix(top, "[]")) || slices.Contains(notPublished[resourceType], leaf.path) {
					continue
				}
				for path := leaf.path; path != ""; path = above(path) {
					here[path] = true
				}
				seen[resourceType][leaf.path] = true
				f, known := fields[leaf.path]
				literal := leaf.value.Op == bicep.String || leaf.value.Op == bicep.Number || leaf.value.Op == bicep.Bool
				switch {
				case !known:
					t.Errorf("%s:%d: %s is not known to have %s", file.Path, leaf.value.Pos.Line, resourceType, leaf.path)
				case literal && leaf.value.Op != f.kind:
					t.Errorf("%s:%d: %s must be a %s", file.Path, leaf.value.Pos.Line, leaf.path, f.kind)
				case literal && f.values != nil && !slices.Contains(f.values, leaf.value.Text):
					t.Errorf("%s:%d: %s takes %v and not %s", file.Path, leaf.value.Pos.Line, leaf.path, f.values, leaf.value.Text)
				}
			}
			for path, f := range fields {
				if f.required && here[above(path)] && !here[path] {
					t.Errorf("%s:%d: %s has no %s", file.Path, d.Pos.Line, d.Name, path)
				}
			}
		})
	}
	for resourceType := range resourceTypes {
		for path := range fieldsOf(t, resourceType) {
			if !seen[resourceType][path] {
				t.Errorf("no %s has %s", resourceType, path)
			}
		}
	}
}

// above returns the path of the object or list around the property.
func above(path string) string {
	around := strings.TrimSuffix(path, "[]")
	if around != path {
		return around
	}
	i := strings.LastIndex(path, ".")
	return path[:max(i, 0)]
}

// readable are the properties that the templates read of resources, looked up like the others. Those that every resource has are not listed.
var readable = map[string][]string{
	"Microsoft.Graph/appRoleAssignedTo@v1.0":                      {"appRoleId"},
	"Microsoft.Insights/components@2020-02-02":                    {"properties.ConnectionString"},
	"Microsoft.KeyVault/vaults@2026-02-01":                        {"properties.vaultUri"},
	"Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30": {"properties.principalId", "properties.clientId"},
	"Microsoft.Storage/storageAccounts@2026-04-01": {
		"properties.primaryEndpoints.blob", "properties.primaryEndpoints.queue", "properties.primaryEndpoints.table",
	},
	"Microsoft.Web/sites@2025-03-01":              {"properties.defaultHostName"},
	"Microsoft.Web/sites/certificates@2025-03-01": {"properties.thumbprint"},
}

// readOf returns what stands before a chain of properties, and the chain.
func readOf(e *bicep.Expr) (of *bicep.Expr, path []string) {
	for e.Op == bicep.Member || e.Op == bicep.NonNull || e.Op == bicep.Index {
		if e.Op == bicep.Member {
			path = append([]string{e.Text}, path...)
		}
		e = e.Args[0]
	}
	return e, path
}

func TestWhatIsReadOfResourcesIsThere(t *testing.T) {
	seen := map[string]bool{}
	for _, file := range load(t).Files() {
		types := map[string]string{}
		for _, d := range file.Declarations {
			if d.Kind == bicep.Resource {
				types[d.Name] = d.Target.Text
			}
		}
		for _, d := range file.Declarations {
			inner := map[*bicep.Expr]bool{}
			d.Value.Walk(func(e *bicep.Expr) {
				if e.Op == bicep.Member || e.Op == bicep.NonNull || e.Op == bicep.Index {
					inner[e.Args[0]] = true
				}
				of, path := readOf(e)
				if inner[e] || of.Op != bicep.Name || types[of.Text] == "" || len(path) == 0 || path[0] == "id" || path[0] == "name" {
					return
				}
				property := strings.Join(path, ".")
				seen[types[of.Text]+" "+property] = true
				if !slices.Contains(readable[types[of.Text]], property) {
					t.Errorf("%s:%d: %s is not known to have %s", file.Path, e.Pos.Line, types[of.Text], property)
				}
			})
		}
	}
	for resourceType, properties := range readable {
		for _, property := range properties {
			if !seen[resourceType+" "+property] {
				t.Errorf("nothing reads %s of %s", property, resourceType)
			}
		}
	}
}
