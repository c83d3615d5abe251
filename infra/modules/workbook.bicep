metadata description = 'A page of tables and charts about what Guestlist does, in the portal a resource of the group and below the workspace.'

import { Tags } from '../types.bicep'

@description('Region.')
param location string

@description('Tags for every resource.')
param tags Tags

@description('Name that the portal shows.')
param displayName string

@description('Resource id of the Log Analytics workspace that is asked.')
param workspaceId string

var parts = [
  {
    title: 'From submission to guest'
    query: loadTextContent('../queries/workbook/funnel.kql')
    visualization: 'barchart'
  }
  {
    title: 'What was decided, and by which row'
    query: loadTextContent('../queries/workbook/decisions.kql')
    visualization: 'table'
  }
  {
    title: 'What waits, and since when'
    query: loadTextContent('../queries/workbook/waiting.kql')
    visualization: 'table'
  }
  {
    title: 'How long it took, by day'
    query: loadTextContent('../queries/workbook/duration.kql')
    visualization: 'table'
  }
  {
    title: 'What Microsoft Graph answered otherwise than it should'
    query: loadTextContent('../queries/workbook/graph.kql')
    visualization: 'table'
  }
  {
    title: 'Runs of functions'
    query: loadTextContent('../queries/workbook/functions.kql')
    visualization: 'table'
  }
  {
    title: 'What an admin should know of'
    query: loadTextContent('../queries/workbook/events.kql')
    visualization: 'table'
  }
]

var content = {
  version: 'Notebook/1.0'
  items: concat(
    [
      {
        type: 1
        name: 'about'
        content: {
          json: 'What the numbers and lines mean, and what to do about them, stands in docs/operations.md of Guestlist.'
        }
      }
      {
        type: 9
        name: 'parameters'
        content: {
          version: 'KqlParameterItem/1.0'
          style: 'pills'
          queryType: 0
          resourceType: 'microsoft.operationalinsights/workspaces'
          parameters: [
            {
              id: guid(workspaceId, 'TimeRange')
              version: 'KqlParameterItem/1.0'
              name: 'TimeRange'
              label: 'Time range'
              type: 4
              isRequired: true
              value: { durationMs: 604800000 }
              typeSettings: {
                // A day, a week, 30 and 90 days. They are not computed, since Azure Resource Manager may count to 2147483647 only.
                selectableValues: [
                  { durationMs: 86400000 }
                  { durationMs: 604800000 }
                  { durationMs: 2592000000 }
                  { durationMs: 7776000000 }
                ]
                allowCustom: true
              }
            }
          ]
        }
      }
    ],
    map(parts, part => {
      type: 3
      name: part.title
      content: {
        version: 'KqlItem/1.0'
        title: part.title
        query: part.query
        size: 0
        timeContextFromParameter: 'TimeRange'
        queryType: 0
        resourceType: 'microsoft.operationalinsights/workspaces'
        crossComponentResources: [workspaceId]
        visualization: part.visualization
        showExportToExcel: true
      }
    })
  )
}

resource workbook 'Microsoft.Insights/workbooks@2023-06-01' = {
  name: guid(resourceGroup().id, 'guestlist-workbook')
  location: location
  tags: tags
  kind: 'shared'
  properties: {
    displayName: displayName
    category: 'workbook'
    sourceId: workspaceId
    version: '1.0'
    serializedData: string(content)
  }
}

@description('Resource id of the workbook.')
output workbookId string = workbook.id
